/** How long a `query-status` takes while the guest spins and never gives the CPU back. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spin } from '../../guests/spin.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, machineArguments, startMonitored } from '../contender.js';
import { retire } from '../hand-over.js';

const QUERIES = 2_000;
const SHORT_QUERIES = 300;
const WARM_UP_QUERIES = 100;

async function measure(
  contender: Contender,
  directory: string,
  kernel: string,
  queries: number,
): Promise<number[]> {
  const args = [...machineArguments({ kernel, memoryMiB: 128 }), '-serial', 'null'];
  const machine = await startMonitored(contender, directory, args);
  try {
    const values: number[] = [];
    for (let count = 0; count < WARM_UP_QUERIES + queries; count++) {
      const startedAt = performance.now();
      await machine.qmp.execute('query-status');
      if (count >= WARM_UP_QUERIES) values.push(performance.now() - startedAt);
    }
    return values;
  } finally {
    await retire(machine);
  }
}

async function run({ baton, qemu, short, directory, log }: BenchContext): Promise<Comparison[]> {
  const kernel = join(directory, 'spin.bin');
  await writeFile(kernel, spin().bytes);
  const queries = short ? SHORT_QUERIES : QUERIES;
  log(`${queries} queries to each`);
  return [
    {
      what: 'query-status while the guest spins',
      unit: 'ms',
      subject: { name: baton.name, values: await measure(baton, join(directory, 'b'), kernel, queries) },
      reference: { name: qemu.name, values: await measure(qemu, join(directory, 'q'), kernel, queries) },
      goal: { kind: 'p99-at-most', value: 5 },
    },
  ];
}

export const qmpLatency: Benchmark = {
  name: 'qmp-latency',
  summary: 'query-status under a spinning guest',
  run,
};
