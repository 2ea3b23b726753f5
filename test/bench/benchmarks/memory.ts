/**
 * Resident memory of a VMM beyond guest RAM while the ticker runs: everything resident less what is shared
 * memory, since guest RAM is a memfd on both sides; and of that what it shares with nobody, since the pages of a
 * program's file are there once for all its processes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, machineArguments, RunningVmm } from '../contender.js';

const RUNS = 5;
const SHORT_RUNS = 2;
/** Measured once the VMM has been idle, so after compilers and collectors have calmed down. */
const SETTLE_MS = 3_000;
const KIB_PER_MIB = 1024;

interface Resident {
  readonly allMiB: number;
  readonly ownMiB: number;
}

async function measure(contender: Contender, kernel: string): Promise<Resident> {
  const vmm = new RunningVmm(contender, [
    ...machineArguments({ kernel, memoryMiB: 256 }),
    ...['-serial', 'stdio'],
  ]);
  try {
    await vmm.waitForSerial('ticker: ticks=', 60_000);
    await delay(SETTLE_MS);
    const status = await readFile(`/proc/${vmm.pid}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return {
      allMiB: (field('VmRSS') - field('RssShmem')) / KIB_PER_MIB,
      ownMiB: field('RssAnon') / KIB_PER_MIB,
    };
  } finally {
    await vmm.kill();
  }
}

async function run({ baton, qemu, short, directory, log }: BenchContext): Promise<Comparison[]> {
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const sizes = new Map<Contender, Resident[]>([
    [baton, []],
    [qemu, []],
  ]);
  log('one VMM at a time with the ticker, 256 MiB');
  for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
    for (const [contender, values] of sizes) values.push(await measure(contender, kernel));
  }
  const side = (contender: Contender, valueIn: (resident: Resident) => number) => ({
    name: contender.name,
    values: (sizes.get(contender) ?? []).map(valueIn),
  });
  const compare = (what: string, valueIn: (resident: Resident) => number): Omit<Comparison, 'goal'> => ({
    what,
    unit: 'MiB',
    subject: side(baton, valueIn),
    reference: side(qemu, valueIn),
  });
  return [
    {
      ...compare('resident memory beyond guest RAM', ({ allMiB }) => allMiB),
      goal: { kind: 'ratio-at-most', value: 1 },
    },
    { ...compare('of that, its own', ({ ownMiB }) => ownMiB), goal: null },
  ];
}

export const memory: Benchmark = { name: 'memory', summary: 'resident memory beyond guest RAM', run };
