/**
 * What a Debian guest on real QEMU sees of an upgrade ordered from batond: the longest hole of its 1 kHz ticker, of a
 * program that writes to its disk with fsync, and of a TCP stream through it; each in a machine of its own, for on one
 * processor they would make holes in each other. Beside it the pause, and the longest hole in as much time without an
 * upgrade. Ticker and disk measure by the guest's own clock, which QEMU stops together with it: what they see is what
 * follows on the pause, above all that QEMU translates the guest's code again. So there is no goal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  DebianMachine,
  type DebianMachineOptions,
  type GapLine,
  type Generations,
} from '../../e2e/debian-machine.js';
import { makeTap, ownNetworkMissing } from '../../e2e/own-network.js';
import { QemuStage } from '../../e2e/qemu-stage.js';
import { TcpStream } from '../../e2e/tcp-stream.js';
import { ECHO_PORT } from '../../guests/linux/debian-guest.js';
import { waitFor } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';

const RUNS = 30;
const SHORT_RUNS = 4;
/** The pause lies before the target's first line ends or in the second; as many again are without one. */
const LINES = 3;
const TAP = 'baton0';
const HOST_ADDRESS = '10.99.0.1';
const GUEST_ADDRESS = '10.99.0.2';
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

/** Resolves with its pause. */
async function upgrade(machine: DebianMachine, build: string): Promise<number> {
  const { state, pauseMs, reason } = await machine.upgrade({ build, mode: 'cpr-transfer' });
  if (state !== 'succeeded' || pauseMs === null) throw new Error(`${state}: ${JSON.stringify(reason)}`);
  return pauseMs;
}

async function measure(stage: QemuStage, build: string, work: Work, runs: number): Promise<Measured> {
  const measured: Measured = { pauses: [], gaps: [], restGaps: [] };
  const machine = await DebianMachine.start(stage, { build, ...work.options });
  const enough = async () => {
    const lines = await work.lines(machine, 'newest');
    return lines.length >= 2 * LINES ? lines : undefined;
  };
  for (let count = 0; count < runs; count++) {
    measured.pauses.push(await upgrade(machine, build));
    const lines = await waitFor(enough, LINES_WAIT);
    const longest = (part: readonly GapLine[]) => Math.max(...part.map(({ gapMs }) => gapMs));
    measured.gaps.push(longest(lines.slice(0, LINES)));
    measured.restGaps.push(longest(lines.slice(LINES, 2 * LINES)));
  }
  await machine.discard();
  return measured;
}

/** By the host's clock, so the pause is in it. The same stream lasts over all upgrades. */
async function measureStream(stage: QemuStage, build: string, runs: number): Promise<Measured> {
  const measured: Measured = { pauses: [], gaps: [], restGaps: [] };
  await makeTap(TAP, `${HOST_ADDRESS}/24`);
  const machine = await DebianMachine.start(stage, {
    ...{ build, ticks: false, address: `${GUEST_ADDRESS}/24` },
    hardware: { nics: [{ kind: 'tap', interface: TAP }] },
  });
  const stream = await TcpStream.open(GUEST_ADDRESS, ECHO_PORT);
  try {
    await stream.flowsOn();
    for (let count = 0; count < runs; count++) {
      stream.takeLongestGapMs();
      const startedAt = performance.now();
      measured.pauses.push(await upgrade(machine, build));
      await stream.flowsOn();
      measured.gaps.push(stream.takeLongestGapMs());
      await delay(performance.now() - startedAt);
      measured.restGaps.push(stream.takeLongestGapMs());
    }
  } finally {
    stream.close();
  }
  await machine.discard();
  return measured;
}

function compare(what: string, { pauses, gaps, restGaps }: Measured): Comparison[] {
  const subject = { name: 'gap', values: gaps };
  return [
    {
      ...{ what: `longest gap of the guest’s ${what}, beside the pause`, unit: 'ms', goal: null, subject },
      reference: { name: 'pause', values: pauses },
    },
    {
      ...{ what: 'the same beside as much time without an upgrade', unit: 'ms', goal: null, subject },
      reference: { name: 'gap at rest', values: restGaps },
    },
  ];
}

async function run({ short, log }: BenchContext): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const runs = short ? SHORT_RUNS : RUNS;
  const stage = await QemuStage.open();
  try {
    const build = await stage.register('11.1', 'qemu');
    for (const work of WORKS) {
      log(`cpr-transfer 11.1 → 11.1 under ${work.what}`);
      comparisons.push(...compare(work.what, await measure(stage, build, work, runs)));
    }
    const networkMissing = await ownNetworkMissing();
    if (networkMissing !== null) {
      log(`TCP is left out: ${networkMissing}`);
      return comparisons;
    }
    log('cpr-transfer 11.1 → 11.1 under a TCP stream');
    comparisons.push(...compare('TCP stream', await measureStream(stage, build, runs)));
  } finally {
    await stage.close();
  }
  return comparisons;
}

export const guestGapQemu: Benchmark = {
  name: 'guest-gap-qemu',
  summary: 'what a guest on real QEMU sees of an upgrade',
  ownNetwork: true,
  run,
};
