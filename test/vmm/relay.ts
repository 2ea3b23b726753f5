/**
 * One guest that goes from process to process, by cpr-transfer and cpr-exec, with a serial chardev of the test's.
 * `folder` is the same for all processes; QMP and migration sockets are each process's own.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import type { GuestImage } from '../guests/image.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, type VmmHost, type VmmProcess } from './vmm-process.js';

const SHARED_RAM = [
  ...['-m', '64M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
  ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on'],
];

/** Programs start slowly on a busy machine, and here they start all the time. */
const START_MS = 60_000;

export class Relay {
  readonly #host: VmmHost;
  readonly #kernel: string;
  readonly #serial: readonly string[];
  #count = 0;
  /** Called when a hand-over is under way. */
  onMigrate: () => void = () => {};
  current: VmmProcess;
  monitor: QmpClient;

  private constructor(host: VmmHost, kernel: string, serial: readonly string[]) {
    this.#host = host;
    this.#kernel = kernel;
    this.#serial = serial;
    this.current = this.launch(['-S']);
    this.monitor = null as unknown as QmpClient; // set before anybody has the relay
  }

  /** The guest waits for `cont`, so that a client can be there first. `serial`: the options of its console. */
  static async start(host: VmmHost, guest: GuestImage, serial: readonly string[]): Promise<Relay> {
    const kernel = join(host.path, 'guest.bin');
    writeFileSync(kernel, guest.bytes);
    const relay = new Relay(host, kernel, serial);
    relay.monitor = await relay.current.monitor();
    await prepareSource(relay.monitor);
    return relay;
  }

  launch(more: readonly string[], serial = this.#serial): VmmProcess {
    const folder = join(this.#host.path, `r${this.#count++}`);
    mkdirSync(folder);
    return this.#host.launchWith(this.#args(folder, more, serial), folder);
  }

  target(more: readonly string[] = [], serial = this.#serial): VmmProcess {
    return this.#target(`unix:${this.#nextFolder}/main`, more, serial);
  }

  /** One that loads only when it is told to. */
  waitingTarget(): VmmProcess {
    return this.#target('defer', [], this.#serial);
  }

  get #nextFolder(): string {
    return join(this.#host.path, `r${this.#count}`);
  }

  #target(main: string, more: readonly string[], serial: readonly string[]): VmmProcess {
    const next = this.#nextFolder;
    const cpr = { 'channel-type': 'cpr', addr: { transport: 'socket', type: 'unix', path: `${next}/cpr` } };
    return this.launch(['-incoming', main, '-incoming', JSON.stringify(cpr), ...more], serial);
  }

  #args(folder: string, more: readonly string[], serial: readonly string[]): string[] {
    const qmp = ['-qmp', `unix:${folder}/qmp,server=on,wait=off`, '-global', 'migration.x-events=on'];
    return [
      ...SHARED_RAM,
      '-kernel',
      this.#kernel,
      ...serial,
      ...qmp,
      '-display',
      'none',
      '-nodefaults',
      ...more,
    ];
  }

  /** To another process; the source quits. */
  async transfer(): Promise<void> {
    const target = this.target();
    const there = await this.transferTo(target);
    await this.monitor.execute('quit');
    await this.current.exitCode();
    await this.become(target, there);
  }

  /** Returns the target's monitor when the source says that it has loaded. */
  async transferTo(target: VmmProcess): Promise<QmpClient> {
    await this.monitor.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
    this.monitor.forgetEvents();
    await waitFor(() => existsSync(target.path('cpr')), { what: 'the cpr socket', deadlineMs: START_MS });
    await this.monitor.execute('migrate', channelsTo(target));
    this.onMigrate();
    const there = await target.monitor();
    const { status, 'error-desc': reason } = await waitFor(() => this.#ended(), {
      what: 'the end of the hand-over',
    });
    if (status !== 'completed') throw new Error(`the hand-over ${status}: ${reason}`);
    return there;
  }

  async #ended(): Promise<MigrationInfo | null> {
    const info = await this.migration();
    return info.status === 'completed' || info.status === 'failed' ? info : null;
  }

  async become(process: VmmProcess, monitor: QmpClient): Promise<void> {
    await this.monitor.close();
    this.current = process;
    this.monitor = monitor;
    await prepareSource(this.monitor);
  }

  /** To another program in the same process. */
  async exec(serial = this.#serial): Promise<void> {
    const state = join(this.#host.path, 'state');
    const [program = '', main = ''] = this.current.child.spawnargs;
    const folder = join(this.current.path('qmp'), '..');
    const command = [program, main, ...this.#args(folder, ['-incoming', `file:${state}`], serial)];
    await this.monitor.execute('migrate-set-parameters', { mode: 'cpr-exec', 'cpr-exec-command': command });
    await this.monitor.execute('migrate', { uri: `file:${state}` });
    this.onMigrate();
    await waitFor(() => this.monitor.isClosed, { what: 'the end of the old monitor' });
    this.monitor = await nextMonitor(this.current.path('qmp'));
    await prepareSource(this.monitor);
    const isThere = async () =>
      (await this.monitor.execute<StatusInfo>('query-status')).status !== 'inmigrate';
    await waitFor(isThere, { what: 'the guest to be there' });
  }

  async migration(): Promise<MigrationInfo> {
    return this.monitor.execute<MigrationInfo>('query-migrate');
  }

  async close(): Promise<void> {
    await this.monitor.close();
  }
}

/** A program that replaces another may be caught at its end: then again. */
async function nextMonitor(path: string): Promise<QmpClient> {
  for (;;) {
    const next = await QmpClient.open(path);
    const greeting = await waitFor(() => next.greeting ?? next.isClosed, {
      what: 'a greeting, or a refusal',
    });
    if (greeting === true) continue;
    await next.execute('qmp_capabilities');
    return next;
  }
}
