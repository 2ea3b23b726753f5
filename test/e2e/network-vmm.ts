/** A guest with a network in a baton-vmm, and the ways on which it goes from one process or program to the next. */
import { readFileSync } from 'node:fs';
import { makeNetworkGuest, UP_LINE } from '../guests/linux/network-guest.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from '../vmm/qmp-client.js';
import {
  channelsTo,
  type LaunchOptions,
  prepareSource,
  VmmHost,
  type VmmProcess,
} from '../vmm/vmm-process.js';

const BOOT_DEADLINE_MS = 120_000;
const HAND_OVER_DEADLINE_MS = 30_000;
/** In a file of a name, so that it can also stay there while the guest goes. */
function ramIn(folder: string): readonly string[] {
  return [
    ...['-m', '128M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
    ...['-object', `memory-backend-file,id=ram0,size=128M,share=on,mem-path=${folder}/ram`],
  ];
}

/** The modes in which descriptors can go late. */
export type LocalMode = 'normal' | 'cpr-transfer';

export interface NetworkSettings {
  /** The guest's own address. */
  readonly address: string;
  readonly router: string;
  /** `-netdev` with id `net0`, and what it needs. */
  readonly netdev: readonly string[];
  readonly device?: string;
}

export interface LocalOptions {
  readonly stopped?: boolean;
  readonly extra?: readonly string[];
  readonly onReady?: (target: VmmProcess) => Promise<void>;
}

/** `null`: as if it had never been. */
export async function setLocal(monitor: QmpClient, mode: LocalMode | null): Promise<void> {
  await monitor.execute('migrate-set-parameters', {
    local: mode !== null,
    ...(mode === null ? {} : { mode }),
  });
  const ignoreShared = { capability: 'x-ignore-shared', state: mode === 'normal' };
  await monitor.execute('migrate-set-capabilities', { capabilities: [ignoreShared] });
}

async function listenLocal(target: VmmProcess, mode: LocalMode): Promise<void> {
  const monitor = await target.monitor();
  await setLocal(monitor, mode);
  await monitor.execute('migrate-incoming', {
    uri: `unix:${target.path('main')}`,
    'exit-on-error': false,
  });
  await monitor.close();
}

export class NetworkVmm {
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

  static async boot({ address, router, netdev, device = '' }: NetworkSettings): Promise<NetworkVmm> {
    const host = await VmmHost.create();
    try {
      const { kernel, initrd, commandLine } = await makeNetworkGuest(host.path, { address, router });
      const args = [
        ...['-kernel', kernel, '-initrd', initrd, '-append', commandLine],
        ...[...netdev, '-device', `virtio-net-device,netdev=net0${device}`],
      ];
      const vmm = await host.launch({ memoryArgs: ramIn(host.path), extra: args });
      await waitFor(() => vmm.console().some((line) => line.includes(UP_LINE)) || vmm.ended !== null, {
        ...{ deadlineMs: BOOT_DEADLINE_MS, what: 'the guest to have a network' },
      });
      if (vmm.ended !== null) throw new Error(`baton-vmm ended: ${vmm.stderr}`);
      return new NetworkVmm(host, args, vmm, await vmm.monitor());
    } catch (error) {
      await host.remove();
      throw error;
    }
  }

  /** A process that waits for the guest. */
  async target(extra: readonly string[] = [], stopped = false): Promise<VmmProcess> {
    const target = await this.#launch({ incoming: 'unix', stopped, extra });
    await target.listening();
    return target;
  }

  #launch({ extra = [], ...options }: LaunchOptions): Promise<VmmProcess> {
    const memoryArgs = ramIn(this.host.path);
    return this.host.launch({ ...options, memoryArgs, extra: [...this.#args, ...extra] });
  }

  /**
   * Orders a hand-over in which the network's descriptors go in the main channel; RAM stays in its file, or goes on the
   * CPR channel. `onReady`: before the target listens.
   */
  async migrateLocal(
    mode: LocalMode,
    { stopped = false, extra = [], onReady = async () => {} }: LocalOptions = {},
  ): Promise<VmmProcess> {
    await prepareSource(this.monitor);
    await setLocal(this.monitor, mode);
    this.monitor.forgetEvents();
    if (mode === 'normal') {
      const target = await this.#launch({ stopped, extra: ['-incoming', 'defer', ...extra] });
      await listenLocal(target, mode);
      await onReady(target);
      await this.monitor.execute('migrate', { uri: `unix:${target.path('main')}` });
      return target;
    }
    const target = await this.#launch({ incoming: 'defer', stopped, extra });
    await target.listening();
    await this.monitor.execute('migrate', channelsTo(target));
    await onReady(target);
    await listenLocal(target, mode);
    return target;
  }

  async transferLocal(mode: LocalMode): Promise<void> {
    const target = await this.migrateLocal(mode);
    await this.monitor.event('MIGRATION', 'completed', HAND_OVER_DEADLINE_MS);
    await this.moveTo(target);
    await setLocal(this.monitor, null);
  }

  /** Hands the guest over to another process; the old one ends. */
  async transfer(): Promise<void> {
    const target = await this.target();
    await prepareSource(this.monitor);
    this.monitor.forgetEvents();
    await this.monitor.execute('migrate', channelsTo(target));
    await this.monitor.event('MIGRATION', 'completed', HAND_OVER_DEADLINE_MS);
    await this.moveTo(target);
  }

  async moveTo(target: VmmProcess): Promise<void> {
    const there = await target.monitor();
    await this.monitor.execute('quit');
    await this.vmm.exitCode();
    await this.monitor.close();
    this.vmm = target;
    this.monitor = there;
  }

  /** Another program in the same process. */
  async exec(): Promise<void> {
    const state = `${this.host.path}/state`;
    await this.monitor.execute('migrate-set-parameters', {
      mode: 'cpr-exec',
      'cpr-exec-command': [...this.#commandLine(), '-incoming', `file:${state}`],
    });
    await this.monitor.execute('migrate', { uri: `file:${state}` });
    await waitFor(() => this.monitor.isClosed, {
      ...{ deadlineMs: HAND_OVER_DEADLINE_MS, what: 'the end of the old program' },
    });
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

  /** As it was started, less where the guest came from. */
  #commandLine(): string[] {
    const words = readFileSync(`/proc/${this.vmm.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return words.filter((word, index) => word !== '-incoming' && words[index - 1] !== '-incoming');
  }

  async close(): Promise<void> {
    await this.monitor.close();
    await this.host.remove();
  }
}
