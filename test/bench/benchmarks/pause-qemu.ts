/**
 * The pause of a real QEMU with an idle Debian guest, for each mode and pair of builds, ordered from batond and beside
 * it by a bare QMP script, in turns. The script starts the target stopped and asks it what it is, as batond does.
 */
import { join } from 'node:path';
import { DebianMachine } from '../../e2e/debian-machine.js';
import { QemuStage, qemuPath } from '../../e2e/qemu-stage.js';
import type { QemuVersion } from '../../fetch/cache.js';
import { READY_LINE } from '../../fetch/initramfs.js';
import { BOOT_DEADLINE_MS } from '../../guests/linux/debian-guest.js';
import { BareQemu, MachineArguments, type Mode, waitForConsole } from '../bare-qemu.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import type { Contender } from '../contender.js';

const RUNS = 30;
const SHORT_RUNS = 4;

interface Way {
  readonly mode: Mode;
  readonly from: QemuVersion;
  readonly to: QemuVersion;
}

const WAYS: readonly Way[] = [
  { mode: 'cpr-transfer', from: '10.0', to: '10.0' },
  { mode: 'cpr-transfer', from: '10.0', to: '11.1' },
  { mode: 'cpr-transfer', from: '11.1', to: '11.1' },
  { mode: 'cpr-exec', from: '11.1', to: '11.1' },
  { mode: 'cpr-reboot', from: '11.1', to: '11.1' },
];

type Builds = Readonly<Record<QemuVersion, string>>;

class Pair {
  readonly pauses: number[] = [];
  readonly #stage: QemuStage;
  readonly #builds: Builds;
  readonly #way: Way;
  readonly #directory: string;
  #ordered: DebianMachine | undefined;
  #bare: BareQemu | undefined;
  readonly barePauses: number[] = [];

  constructor(stage: QemuStage, builds: Builds, way: Way, directory: string) {
    this.#stage = stage;
    this.#builds = builds;
    this.#way = way;
    this.#directory = directory;
  }

  /** A machine that has gone to another version cannot come back: the next run needs new ones. */
  async run(): Promise<void> {
    const { mode, from, to } = this.#way;
    if (from !== to) await this.end();
    const { ordered, bare } = await this.#machines();
    const { state, pauseMs, reason } = await ordered.upgrade({ mode, build: this.#builds[to] });
    if (state !== 'succeeded' || pauseMs === null)
      throw new Error(`${mode}: ${state} ${JSON.stringify(reason)}`);
    this.pauses.push(pauseMs);
    await bare.upgrade(mode, contender(to));
    this.barePauses.push(...bare.pauses.splice(0));
  }

  async end(): Promise<void> {
    await this.#bare?.end();
    await this.#ordered?.discard();
    this.#ordered = undefined;
    this.#bare = undefined;
  }

  async #machines(): Promise<{ ordered: DebianMachine; bare: BareQemu }> {
    const build = this.#builds[this.#way.from];
    this.#ordered ??= await DebianMachine.start(this.#stage, { build, ticks: false });
    if (this.#bare === undefined) {
      const args = await MachineArguments.ofMachine(this.#stage.client, this.#ordered.path);
      this.#bare = new BareQemu(args, this.#directory);
      await this.#bare.start(contender(this.#way.from));
      await waitForConsole(this.#bare, READY_LINE, BOOT_DEADLINE_MS);
    }
    return { ordered: this.#ordered, bare: this.#bare };
  }
}

function contender(version: QemuVersion): Contender {
  return { name: `QEMU ${version}`, argvPrefix: [qemuPath(version)] };
}

async function run({ short, directory, log }: BenchContext): Promise<Comparison[]> {
  const stage = await QemuStage.open();
  const comparisons: Comparison[] = [];
  try {
    const builds = {
      '10.0': await stage.register('10.0', 'old'),
      '11.1': await stage.register('11.1', 'new'),
    };
    for (const [index, way] of WAYS.entries()) {
      const title = `${way.mode} ${way.from} → ${way.to}`;
      log(`${title}, by batond and by a bare script in turns`);
      const pair = new Pair(stage, builds, way, join(directory, String(index)));
      for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) await pair.run();
      await pair.end();
      comparisons.push({
        what: `pause of ${title}, by batond beside a bare script`,
        unit: 'ms',
        subject: { name: 'batond', values: pair.pauses },
        reference: { name: 'bare script', values: pair.barePauses },
        goal: { kind: 'ratio-at-most', value: 1.15 },
      });
    }
  } finally {
    await stage.close();
  }
  return comparisons;
}

export const pauseQemu: Benchmark = { name: 'pause-qemu', summary: 'each mode on real QEMU, by batond', run };
