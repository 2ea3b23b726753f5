/** What a start of batond costs until it answers, in time and CPU time, on a new inventory and with 1,000 machines. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { DaemonStage } from '../daemon-stage.js';

const RUNS = 30;
const SHORT_RUNS = 5;
const MACHINES = 1_000;

async function starts(stage: DaemonStage, runs: number): Promise<{ wall: number[]; cpu: number[] }> {
  const wall: number[] = [];
  const cpu: number[] = [];
  for (let turn = 0; turn < runs; turn += 1) {
    await stage.stop();
    wall.push(await stage.start());
    cpu.push(stage.cpuMs());
  }
  return { wall, cpu };
}

async function run({ directory, short, log }: BenchContext): Promise<Comparison[]> {
  const runs = short ? SHORT_RUNS : RUNS;
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const stage = await DaemonStage.open(join(directory, 'd'));
  try {
    await stage.client.post('/v1/machines', { name: 'm', memoryMiB: 32, kernel });
    const few = await starts(stage, runs);
    log(`adding ${MACHINES} machines`);
    await stage.multiply('m', MACHINES - 1);
    const many = await starts(stage, runs);
    const compare = (what: string, subject: number[], reference: number[]): Comparison => ({
      what,
      unit: 'ms',
      subject: { name: `${MACHINES} machines`, values: subject },
      reference: { name: 'one machine', values: reference },
      goal: null,
    });
    return [
      compare('start of batond until it answers', many.wall, few.wall),
      compare('CPU time of it', many.cpu, few.cpu),
    ];
  } finally {
    await stage.stop();
  }
}

export const batondStart: Benchmark = {
  name: 'batond-start',
  summary: 'the start of batond, with one machine and with 1,000',
  run,
};
