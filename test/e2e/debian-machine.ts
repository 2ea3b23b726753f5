/**
 * Debian's amd64 kernel on real QEMU under a batond of its own, reached over REST as any client would. What a test
 * critically depends on stays in the test; here is only what each would otherwise repeat.
 */
import { symlink } from 'node:fs/promises';
import { DaemonClient } from '../demo/daemon-client.js';
import { DaemonProcess } from '../demo/daemon-process.js';
import { readConsoles, readDiskOf, readTickerOf } from '../demo/guest-console.js';
import { endProcessesNaming } from '../demo/leftovers.js';
import { findInCache, type QemuVersion } from '../fetch/cache.js';
import {
  BOOT_DEADLINE_MS,
  type DebianGuestOptions,
  debianGuestMissing,
  makeDebianGuest,
} from '../guests/linux/debian-guest.js';
import { diskToolsMissing, makeDiskImage } from '../guests/linux/disk-image.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';

const POWER_OFF_MS = 30_000;
const WORK_DEADLINE_MS = 30_000;
/** Enough to see that the guest goes on, well within a second. */
const TICKER_LINES = 4;
const DISK_LINES = 2;

export interface UpgradeDocument {
  readonly state: string;
  readonly mode: string;
  readonly pauseMs: number | null;
  readonly reason: unknown;
}

/** What keeps these machines from being run here; null when nothing does. */
export async function debianMachineMissing(): Promise<string | null> {
  const qemus = (['10.0', '11.1'] as const).map((version) => findInCache().qemu(version, 'x86_64'));
  const absent = qemus.find((found) => 'missing' in found);
  if (absent !== undefined && 'missing' in absent) return absent.missing;
  return debianGuestMissing() ?? (await diskToolsMissing());
}

export class DebianMachine {
  readonly client: DaemonClient;
  readonly directory: string;
  readonly disk: string;
  readonly #folder: TempDir;
  readonly #daemon: DaemonProcess;
  #path = '';

  private constructor(folder: TempDir) {
    this.#folder = folder;
    this.directory = folder.path;
    this.disk = `${folder.path}/disk.img`;
    this.#daemon = new DaemonProcess(folder.path);
    this.client = new DaemonClient(this.#daemon.socketPath);
  }

  /** A daemon without machines, on folders of its own. */
  static async prepare(): Promise<DebianMachine> {
    const machine = new DebianMachine(await tempDir());
    try {
      await machine.#daemon.waitUntilListening();
    } catch (error) {
      await machine.end();
      throw error;
    }
    return machine;
  }

  /** Registers a QEMU under a path of its own, so that one binary can be several builds. */
  async register(version: QemuVersion, name: string): Promise<string> {
    const found = findInCache().qemu(version, 'x86_64');
    if ('missing' in found) throw new Error(found.missing);
    const path = `${this.directory}/${name}`;
    await symlink(found.argvPrefix[0] ?? '', path);
    return (await this.client.post<{ id: string }>('/v1/builds', { kind: 'qemu', path })).id;
  }

  /** Resolves when the guest does all that it was asked to. */
  async start(build: string, options: DebianGuestOptions, hardware: object = {}): Promise<void> {
    await makeDiskImage(this.disk);
    const guest = await makeDebianGuest(this.directory, options);
    const document = { name: 'debian', ...guest, build, accelerator: 'tcg', ...hardware };
    const { id } = await this.client.post<{ id: string }>('/v1/machines', {
      ...document,
      disks: [{ path: this.disk }],
    });
    this.#path = `/v1/machines/${id}`;
    await this.client.perform(`${this.#path}/start`);
    await this.worksOn(BOOT_DEADLINE_MS);
  }

  /** The upgrade's document, however it ended. */
  async upgrade(request: { build: string; mode: string }): Promise<UpgradeDocument> {
    const { upgrade } = await this.client.post<{ upgrade: string }>(`${this.#path}/upgrade`, request);
    const ended = async () => {
      const document = await this.client.get<UpgradeDocument & { finishedAt: string | null }>(upgrade);
      return document.finishedAt === null ? undefined : document;
    };
    return waitFor(ended, { deadlineMs: 120_000, what: `${request.mode} to end` });
  }

  /** Waits until the guest has ticked and written on; fails when it found memory or disk changed. */
  async worksOn(deadlineMs = WORK_DEADLINE_MS): Promise<void> {
    const ticks = (await this.#ticks()) + TICKER_LINES;
    const writes = (await readDiskOf(this.client, this.#path)).length + DISK_LINES;
    const what = 'the guest to tick and write on';
    await waitFor(async () => (await this.#ticks()) >= ticks, { deadlineMs, what });
    const written = async () => (await readDiskOf(this.client, this.#path)).length >= writes;
    await waitFor(written, { deadlineMs, what });
  }

  /** Presses the power button; resolves with all that the guest has said when it is off. */
  async powerOff(): Promise<string> {
    await this.client.perform(`${this.#path}/stop`, { powerdownMs: POWER_OFF_MS });
    return (await readConsoles(this.client, this.#path, 'all')).join('');
  }

  /** Leaves nothing behind, whatever the test left. */
  async end(): Promise<void> {
    await this.#daemon.stop();
    await endProcessesNaming(this.directory);
    await this.#folder.remove();
  }

  async #ticks(): Promise<number> {
    const { lines, damaged } = await readTickerOf(this.client, this.#path);
    if (damaged.length > 0) throw new Error(`the guest's console is damaged: ${JSON.stringify(damaged[0])}`);
    if (lines.some(({ patternIntact }) => !patternIntact))
      throw new Error('the guest found its memory changed');
    return lines.length;
  }
}
