/**
 * A Linux guest that goes from one baton-vmm to the next, by cpr-transfer and cpr-exec in turns. All processes write the
 * guest's console into one file.
 */
import { readFileSync } from 'node:fs';
import type { MigrationInfo, StatusInfo } from '../../vmm/qmp/protocol.js';
import { BOOT_DEADLINE_MS } from '../guests/linux/riscv-guest.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, type VmmHost, type VmmProcess } from './vmm-process.js';

const MEMORY = [
  ...['-m', '192M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
  ...['-object', 'memory-backend-memfd,id=ram0,size=192M,share=on'],
];

export class LinuxRelay {
  readonly host: VmmHost;
  readonly #args: readonly string[];
  vmm: VmmProcess;
  monitor: QmpClient;

  private constructor(host: VmmHost, args: readonly string[], vmm: VmmProcess, monitor: QmpClient) {
    this.host = host;
    this.#args = args;
    this.vmm = vmm;
    this.monitor = monitor;
  }

  /** `guest`: arguments that all processes have; input of the console comes from FIFO `input` in the host's folder. */
  static async boot(host: VmmHost, guest: readonly string[]): Promise<LinuxRelay> {
    const console = `file,id=serial0,path=${host.path}/console,append=on,input-path=${host.path}/input`;
    const args = [...guest, '-chardev', console, '-serial', 'chardev:serial0'];
    const vmm = await host.launch({ memoryArgs: MEMORY, isConsoleElsewhere: true, extra: args });
    return new LinuxRelay(host, args, vmm, await vmm.monitor());
  }

  console(): string {
    return readFileSync(`${this.host.path}/console`, 'latin1');
  }

  /** Waits for a line of the guest's; returns its match. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const found = () => {
      if (this.vmm.ended !== null)
        throw new Error(`the VMM has ended (${this.vmm.ended}): ${this.vmm.stderr}`);
      return pattern.exec(this.console());
    };
    return waitFor(found, { what: `${pattern}`, deadlineMs: BOOT_DEADLINE_MS });
  }

  async upgrade(mode: 'cpr-transfer' | 'cpr-exec'): Promise<void> {
    await (mode === 'cpr-transfer' ? this.#transfer() : this.#exec());
    await waitFor(async () => (await this.monitor.execute<StatusInfo>('query-status')).running, {
      what: 'the guest to run',
    });
  }

  async #transfer(): Promise<void> {
    const extra = this.#args;
    const target = await this.host.launch({
      ...{ memoryArgs: MEMORY, isConsoleElsewhere: true, incoming: 'unix', extra },
    });
    await target.listening();
    await prepareSource(this.monitor);
    await this.monitor.execute('migrate', channelsTo(target));
    const there = await target.monitor();
    await waitFor(async () => this.#isCompleted(), { what: 'the hand-over' });
    await this.monitor.execute('quit');
    await this.vmm.exitCode();
    await this.monitor.close();
    [this.vmm, this.monitor] = [target, there];
  }

  async #isCompleted(): Promise<boolean> {
    const info = await this.monitor.execute<MigrationInfo>('query-migrate');
    if (info.status === 'failed') throw new Error(`the hand-over failed: ${info['error-desc']}`);
    return info.status === 'completed';
  }

  async #exec(): Promise<void> {
    const state = `${this.host.path}/state`;
    const words = readFileSync(`/proc/${this.vmm.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const command = words.filter((word, at) => word !== '-incoming' && words[at - 1] !== '-incoming');
    await this.monitor.execute('migrate-set-parameters', {
      mode: 'cpr-exec',
      'cpr-exec-command': [...command, '-incoming', `file:${state}`],
    });
    await this.monitor.execute('migrate', { uri: `file:${state}` });
    await waitFor(() => this.monitor.isClosed, { what: 'the end of the old monitor' });
    this.monitor = await this.#nextMonitor();
  }

  async #nextMonitor(): Promise<QmpClient> {
    for (;;) {
      const next = await QmpClient.open(this.vmm.path('qmp'));
      const greeting = await waitFor(() => next.greeting ?? next.isClosed, {
        what: 'a greeting, or a refusal',
      });
      if (greeting === true) continue;
      await next.execute('qmp_capabilities');
      return next;
    }
  }
}
