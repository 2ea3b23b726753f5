/** One VM in one process after the other: what hands a guest over in the live modes, with one console over all. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { QmpEvent } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource } from './vmm-process.js';

const MAIN = fileURLToPath(new URL('../../vmm/main.js', import.meta.url));

interface Process {
  readonly child: ChildProcess;
  readonly folder: string;
  stderr: string;
  hasEnded: boolean;
}

export class LiveVmm {
  readonly #directory: string;
  readonly #wrapper: readonly string[];
  readonly #args: readonly string[];
  readonly #all: Process[] = [];
  #current: Process | null = null;
  monitor!: QmpClient;

  /** `wrapper`: what the program is started by, for good. */
  constructor(directory: string, wrapper: readonly string[], args: readonly string[]) {
    this.#directory = directory;
    this.#wrapper = wrapper;
    this.#args = args;
  }

  get pid(): number {
    return this.#process.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  get stderr(): string {
    return this.#process.stderr;
  }

  /** What all processes have brought, in order. */
  console(): string {
    return this.#all
      .map(({ folder }) => join(folder, 'console'))
      .map((path) => (existsSync(path) ? readFileSync(path, 'latin1') : ''))
      .join('');
  }

  async start(): Promise<void> {
    this.#current = await this.#spawn([]);
    this.#all.push(this.#current);
    this.monitor = await QmpClient.ready(this.#path('qmp'));
  }

  event(name: string, deadlineMs?: number): Promise<QmpEvent> {
    return this.monitor.event(name, undefined, deadlineMs);
  }

  async transfer(): Promise<void> {
    await prepareSource(this.monitor);
    const target = await this.#target();
    await this.monitor.execute('migrate', channelsTo(pathsOf(target)));
    const there = await QmpClient.ready(join(target.folder, 'qmp'));
    await there.event('RESUME', undefined, 60_000);
    await this.monitor.event('MIGRATION', 'completed');
    await this.monitor.execute('quit');
    await this.monitor.close();
    await waitFor(() => this.#process.hasEnded, { what: 'the end of the source' });
    this.#all.push(target);
    this.#current = target;
    this.monitor = there;
  }

  /** A target that has everything but the state, and is killed. The guest goes on. */
  async loseTarget(): Promise<void> {
    await prepareSource(this.monitor);
    this.monitor.forgetEvents();
    const target = await this.#target();
    // Its main channel is nowhere: the state cannot be sent.
    await this.monitor.execute('migrate', channelsTo(pathsOf(target), `${target.folder}/nowhere`));
    await waitFor(() => !existsSync(join(target.folder, 'cpr')) || target.hasEnded, { what: 'a connection' });
    target.child.kill('SIGKILL');
    await waitFor(() => target.hasEnded, { what: 'the end of a target' });
    await this.monitor.event('MIGRATION', 'failed', 60_000);
  }

  /** `state`: the one that the guest is in, before and after. */
  async execute(state = 'running'): Promise<void> {
    const file = `${this.#directory}/state`;
    const own = readFileSync(`/proc/${this.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const kept = own.filter((word, at) => word !== '-incoming' && own[at - 1] !== '-incoming');
    await this.monitor.execute('migrate-set-parameters', {
      mode: 'cpr-exec',
      'cpr-exec-command': [...kept, '-incoming', `file:${file}`],
    });
    await this.monitor.execute('migrate', { uri: `file:${file}` });
    await waitFor(() => this.monitor.isClosed || this.hasEnded, {
      what: 'the end of the old program',
      deadlineMs: 60_000,
    });
    for (;;) {
      const next = await QmpClient.open(this.#path('qmp'));
      const greeting = await waitFor(() => next.greeting ?? next.isClosed, {
        what: 'a greeting, or a refusal',
      });
      if (greeting === true) continue;
      await next.execute('qmp_capabilities');
      this.monitor = next;
      const status = async () => (await next.execute<{ status: string }>('query-status')).status === state;
      await waitFor(status, { what: `the guest to be ${state}`, deadlineMs: 60_000 });
      return;
    }
  }

  async kill(): Promise<void> {
    await this.monitor?.close();
    if (this.#current === null || this.#current.hasEnded) return;
    this.#current.child.kill('SIGKILL');
    await waitFor(() => this.hasEnded, { what: 'the end of a VMM' });
  }

  get #process(): Process {
    if (this.#current === null) throw new Error('the VM was not started');
    return this.#current;
  }

  #path(name: string): string {
    return join(this.#process.folder, name);
  }

  async #target(): Promise<Process> {
    const folder = join(this.#directory, `vmm${this.#all.length}`);
    const cpr = { 'channel-type': 'cpr', addr: { transport: 'socket', type: 'unix', path: `${folder}/cpr` } };
    if (existsSync(folder)) renameSync(folder, `${folder}.${process.hrtime.bigint()}`);
    const target = await this.#spawn(['-incoming', `unix:${folder}/main`, '-incoming', JSON.stringify(cpr)]);
    const isListening = () => existsSync(join(folder, 'cpr')) || target.hasEnded;
    await waitFor(isListening, { what: 'the target to listen', deadlineMs: 60_000 });
    return target;
  }

  async #spawn(incoming: readonly string[]): Promise<Process> {
    const folder = join(this.#directory, `vmm${this.#all.length}`);
    await mkdir(folder);
    const own = [
      ...['-serial', `file:${folder}/console`, '-qmp', `unix:${folder}/qmp,server=on,wait=off`],
      ...['-display', 'none', '-nodefaults', '-global', 'migration.x-events=on', '-no-reboot'],
    ];
    const [program = '', ...args] = [
      ...this.#wrapper,
      process.execPath,
      MAIN,
      ...this.#args,
      ...own,
      ...incoming,
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const started: Process = { child, folder, stderr: '', hasEnded: false };
    child.stderr?.on('data', (chunk: Buffer) => {
      started.stderr += chunk.toString();
    });
    child.on('close', () => {
      started.hasEnded = true;
    });
    return started;
  }
}

function pathsOf({ folder }: Process) {
  return { path: (name: string) => join(folder, name) };
}
