/**
 * Resident memory of a VMM beyond guest RAM while the ticker runs: everything resident less what is shared
 * memory, since guest RAM is a memfd on both sides.
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

async function measure(contender: Contender, kernel: string): Promise<number> {
  const vmm = new RunningVmm(contender, [
    ...machineArguments({ kernel, memoryMiB: 256 }),
    ...['-serial', 'stdio'],
  ]);
  try {
    await vmm.waitForSerial('ticker: ticks=', 60_000);
    await delay(SETTLE_MS);
    const status = await readFile(`/proc/${vmm.pid}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return (field('VmRSS') - field('RssShmem')) / KIB_PER_MIB;
  } finally {
    await vmm.kill();
  }
}

async function run({ baton, qemu, short, directory, log }: BenchContext): Promise<Comparison[]> {
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const sizes = new Map<Contender, number[]>([
    [baton, []],
    [qemu, []],
  ]);
  log('one VMM at a time with the ticker, 256 MiB');
  for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
    for (const [contender, values] of sizes) values.push(await measure(contender, kernel));
  }
  return [
    {
      what: 'resident memory beyond guest RAM',
      unit: 'MiB',
      subject: { name: baton.name, values: sizes.get(baton) ?? [] },
      reference: { name: qemu.name, values: sizes.get(qemu) ?? [] },
      goal: { kind: 'ratio-at-most', value: 1 },
    },
  ];
}

export const memory: Benchmark = { name: 'memory', summary: 'resident memory beyond guest RAM', run };
