/** What batond rests at, with one machine and with 1,000, after it has listed them all. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { DaemonStage } from '../daemon-stage.js';

const RUNS = 5;
const SHORT_RUNS = 1;
const MACHINES = 1_000;

async function atRest(stage: DaemonStage, runs: number): Promise<number[]> {
  const values: number[] = [];
  for (let turn = 0; turn < runs; turn += 1) {
    await stage.stop();
    await stage.start();
    await stage.client.get('/v1/machines?limit=1000');
    values.push(await stage.idleMiB());
  }
  return values;
}

async function run({ directory, short }: BenchContext): Promise<Comparison[]> {
  const runs = short ? SHORT_RUNS : RUNS;
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const stage = await DaemonStage.open(join(directory, 'd'));
  try {
    await stage.client.post('/v1/machines', { name: 'm', memoryMiB: 32, kernel });
    const one = await atRest(stage, runs);
    await stage.multiply('m', MACHINES - 1);
    const many = await atRest(stage, runs);
    return [
      {
        what: `resident memory of batond with ${MACHINES} machines, beside one`,
        unit: 'MiB',
        subject: { name: `${MACHINES} machines`, values: many },
        reference: { name: 'one machine', values: one },
        goal: null,
      },
    ];
  } finally {
    await stage.stop();
  }
}

export const daemonMemory: Benchmark = {
  name: 'daemon-memory',
  summary: 'what batond rests at, with one machine and with 1,000',
  run,
};
