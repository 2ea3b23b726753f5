/**
 * A machine with Debian's amd64 kernel on a stage. What a test critically depends on stays in the test; here is only
 * what each would otherwise repeat.
 */
import { mkdir } from 'node:fs/promises';
import { readConsoles, readDiskOf, readTickerOf } from '../demo/guest-console.js';
import { READY_LINE } from '../fetch/initramfs.js';
import {
  BOOT_DEADLINE_MS,
  type DebianGuestOptions,
  debianGuestMissing,
  makeDebianGuest,
} from '../guests/linux/debian-guest.js';
import { diskToolsMissing, makeDiskImage } from '../guests/linux/disk-image.js';
import { waitFor } from '../helpers/wait.js';
import { type QemuStage, qemusMissing } from './qemu-stage.js';

const UPGRADE_DEADLINE_MS = 120_000;
const POWER_OFF_MS = 30_000;
const WORK_DEADLINE_MS = 30_000;
/** To read all consoles is much work for a small host, and the guest's lines are farther apart. */
const LOOK_EVERY_MS = 100;
/** Enough to see that the guest goes on, well within a second. */
const TICKER_LINES = 4;
const DISK_LINES = 2;

export interface UpgradeDocument {
  readonly state: string;
  readonly mode: string;
  readonly pauseMs: number | null;
  readonly reason: unknown;
  readonly finishedAt: string | null;
}

/** What the guest has told of the time between two lines. */
export interface GapLine {
  readonly gapMs: number;
}

/** The newest alone can begin within a line. */
export type Generations = 'all' | 'newest';

export interface DebianMachineOptions extends DebianGuestOptions {
  /** The build that it is started on. */
  readonly build: string;
  /** Members of its document that are not of every such machine. */
  readonly hardware?: object;
}

/** What keeps these machines from being run here; null when nothing does. */
export async function debianMachineMissing(): Promise<string | null> {
  return qemusMissing() ?? debianGuestMissing() ?? (await diskToolsMissing());
}

export class DebianMachine {
  /** In the interface: `/v1/machines/…`. */
  readonly path: string;
  /** A folder of the machine's own. */
  readonly directory: string;
  readonly disk: string;
  readonly #stage: QemuStage;
  readonly #options: DebianMachineOptions;

  private constructor(stage: QemuStage, options: DebianMachineOptions, path: string, directory: string) {
    this.#stage = stage;
    this.#options = options;
    this.path = path;
    this.directory = directory;
    this.disk = diskIn(directory);
  }

  /** Resolves when the guest does all that it was asked to. */
  static async start(
    stage: QemuStage,
    options: DebianMachineOptions,
    name = 'debian',
  ): Promise<DebianMachine> {
    const directory = `${stage.directory}/${name}`;
    await mkdir(directory, { recursive: true });
    const hasDisk = typeof options.diskPeriodUs === 'number';
    if (hasDisk) await makeDiskImage(diskIn(directory));
    const guest = await makeDebianGuest(directory, options);
    const { id } = await stage.client.post<{ id: string }>('/v1/machines', {
      ...{ name, ...guest, build: options.build, accelerator: 'tcg' },
      disks: hasDisk ? [{ path: diskIn(directory) }] : [],
      ...options.hardware,
    });
    const machine = new DebianMachine(stage, options, `/v1/machines/${id}`, directory);
    await stage.client.perform(`${machine.path}/start`);
    const isReady = async () => (await machine.consoles()).includes(READY_LINE);
    const wait = { deadlineMs: BOOT_DEADLINE_MS, pollMs: LOOK_EVERY_MS, what: 'Debian to boot' };
    await waitFor(isReady, wait);
    await machine.worksOn();
    return machine;
  }

  /** The upgrade's document, however it ended. */
  async upgrade(request: { build: string; mode: string }): Promise<UpgradeDocument> {
    const { client } = this.#stage;
    const { upgrade } = await client.post<{ upgrade: string }>(`${this.path}/upgrade`, request);
    const ended = async () => {
      const document = await client.get<UpgradeDocument>(upgrade);
      return document.finishedAt === null ? undefined : document;
    };
    return waitFor(ended, { deadlineMs: UPGRADE_DEADLINE_MS, what: `${request.mode} to end` });
  }

  /** Waits until the guest has ticked and written on; fails when it found memory or disk changed. */
  async worksOn(): Promise<void> {
    const { diskPeriodUs = null, ticks: hasTicker = true } = this.#options;
    const wait = {
      deadlineMs: WORK_DEADLINE_MS,
      pollMs: LOOK_EVERY_MS,
      what: 'the guest to tick and write on',
    };
    if (hasTicker) {
      const ticks = (await this.ticks()).length + TICKER_LINES;
      await waitFor(async () => (await this.ticks()).length >= ticks, wait);
    }
    if (diskPeriodUs === null) return;
    const writes = (await this.writes()).length + DISK_LINES;
    await waitFor(async () => (await this.writes()).length >= writes, wait);
  }

  /** The ticker's lines; fails when one is damaged or the guest found its memory changed. */
  async ticks(generations: Generations = 'all'): Promise<readonly GapLine[]> {
    const { lines, damaged } = await readTickerOf(this.#stage.client, this.path, generations);
    if (generations === 'all' && damaged.length > 0)
      throw new Error(`the guest's console is damaged: ${JSON.stringify(damaged[0])}`);
    if (lines.some(({ patternIntact }) => !patternIntact))
      throw new Error('the guest found its memory changed');
    return lines;
  }

  /** The disk's lines; fails when the guest read back anything but what it wrote. */
  writes(generations: Generations = 'all'): Promise<readonly GapLine[]> {
    return readDiskOf(this.#stage.client, this.path, generations);
  }

  /** All that the guest has said. */
  async consoles(): Promise<string> {
    return (await readConsoles(this.#stage.client, this.path, 'all')).join('');
  }

  /** Presses the power button; resolves with all that the guest has said when it is off. */
  async powerOff(): Promise<string> {
    await this.#stage.client.perform(`${this.path}/stop`, { powerdownMs: POWER_OFF_MS });
    return this.consoles();
  }

  async discard(): Promise<void> {
    await this.#stage.client.perform(`${this.path}/kill`);
    await this.#stage.client.delete(this.path);
  }
}

function diskIn(directory: string): string {
  return `${directory}/disk.img`;
}
