/**
 * What a Debian guest on real QEMU sees of an upgrade ordered from batond: the longest hole of its 1 kHz ticker and of
 * a program that writes to its disk with fsync, each in a machine of its own, for on one processor they would make
 * holes in each other. Beside it the pause, and the longest hole in as much time without an upgrade. Both programs
 * measure by the guest's own clock, which QEMU stops together with it: what they see is what follows on the pause,
 * above all that QEMU translates the guest's code again. So there is no goal.
 */
import {
  DebianMachine,
  type DebianMachineOptions,
  type GapLine,
  type Generations,
} from '../../e2e/debian-machine.js';
import { QemuStage } from '../../e2e/qemu-stage.js';
import { waitFor } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';

const RUNS = 30;
const SHORT_RUNS = 4;
/** The pause lies before the target's first line ends or in the second; as many again are without one. */
const LINES = 3;
const LINES_WAIT = { deadlineMs: 30_000, pollMs: 100, what: 'the guest to go on' };

interface Work {
  readonly what: string;
  readonly options: Omit<DebianMachineOptions, 'build'>;
  readonly lines: (machine: DebianMachine, generations: Generations) => Promise<readonly GapLine[]>;
}

const WORKS: readonly Work[] = [
  {
    what: 'ticker',
    options: { ticks: true },
    lines: (machine, generations) => machine.ticks(generations),
  },
  {
    what: 'disk writes with fsync',
    options: { ticks: false, diskPeriodUs: 500 },
    lines: (machine, generations) => machine.writes(generations),
  },
];

interface Measured {
  readonly pauses: number[];
  readonly gaps: number[];
  readonly restGaps: number[];
}

async function measure(stage: QemuStage, build: string, work: Work, runs: number): Promise<Measured> {
  const measured: Measured = { pauses: [], gaps: [], restGaps: [] };
  const machine = await DebianMachine.start(stage, { build, ...work.options });
  const enough = async () => {
    const lines = await work.lines(machine, 'newest');
    return lines.length >= 2 * LINES ? lines : undefined;
  };
  for (let count = 0; count < runs; count++) {
    const { state, pauseMs, reason } = await machine.upgrade({ build, mode: 'cpr-transfer' });
    if (state !== 'succeeded' || pauseMs === null) throw new Error(`${state}: ${JSON.stringify(reason)}`);
    const lines = await waitFor(enough, LINES_WAIT);
    const longest = (part: readonly GapLine[]) => Math.max(...part.map(({ gapMs }) => gapMs));
    measured.pauses.push(pauseMs);
    measured.gaps.push(longest(lines.slice(0, LINES)));
    measured.restGaps.push(longest(lines.slice(LINES, 2 * LINES)));
  }
  await machine.discard();
  return measured;
}

async function run({ short, log }: BenchContext): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const stage = await QemuStage.open();
  try {
    const build = await stage.register('11.1', 'qemu');
    for (const work of WORKS) {
      log(`cpr-transfer 11.1 → 11.1 under ${work.what}`);
      const { pauses, gaps, restGaps } = await measure(stage, build, work, short ? SHORT_RUNS : RUNS);
      const subject = { name: 'gap', values: gaps };
      comparisons.push(
        {
          what: `longest gap of the guest’s ${work.what}, beside the pause`,
          unit: 'ms',
          subject,
          reference: { name: 'pause', values: pauses },
          goal: null,
        },
        {
          what: `the same beside as much time without an upgrade`,
          unit: 'ms',
          subject,
          reference: { name: 'gap at rest', values: restGaps },
          goal: null,
        },
      );
    }
  } finally {
    await stage.close();
  }
  return comparisons;
}

export const guestGapQemu: Benchmark = {
  name: 'guest-gap-qemu',
  summary: 'what a guest on real QEMU sees of an upgrade',
  run,
};
