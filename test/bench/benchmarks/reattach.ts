/**
 * A batond that was killed: how long until the next one has all its machines again. The VMMs are real, the guests small;
 * it answers only when every monitor has answered it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { DaemonStage } from '../daemon-stage.js';

const FULL = { machines: 100, runs: 10 };
const SHORT = { machines: 10, runs: 2 };
const MEMORY_MIB = 16;
const AT_A_TIME = 4;

interface MachineList {
  readonly machines: readonly { readonly state: string }[];
}

async function startAll(stage: DaemonStage, kernel: string, count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) {
      const document = { name: `m${index}`, memoryMiB: MEMORY_MIB, kernel };
      const { id } = await stage.client.post<{ id: string }>('/v1/machines', document);
      await stage.client.perform(`/v1/machines/${id}/start`);
      /* So many guests that tick would leave no time for what is measured. */
      await stage.client.perform(`/v1/machines/${id}/pause`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function run({ directory, short, log }: BenchContext): Promise<Comparison[]> {
  const { machines, runs } = short ? SHORT : FULL;
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker({ patternMiB: 1 }).bytes);
  const stage = await DaemonStage.open(join(directory, 'd'));
  try {
    const alone: number[] = [];
    for (let turn = 0; turn < runs; turn += 1) {
      await stage.kill();
      alone.push(await stage.start());
    }
    log(`starting ${machines} machines`);
    await startAll(stage, kernel, machines);
    const many: number[] = [];
    for (let turn = 0; turn < runs; turn += 1) {
      await stage.kill();
      many.push(await stage.start());
      const { machines: found } = await stage.client.get<MachineList>('/v1/machines?limit=1000');
      const lost = found.filter(({ state }) => state !== 'paused').length;
      if (found.length !== machines || lost > 0) throw new Error(`${lost} of ${found.length} were not found`);
    }
    return [
      {
        what: `from the start of batond until it has ${machines} machines again, beside none`,
        unit: 'ms',
        subject: { name: `${machines} machines`, values: many },
        reference: { name: 'none', values: alone },
        goal: null,
      },
    ];
  } finally {
    await stage.stop();
  }
}

export const reattach: Benchmark = {
  name: 'reattach',
  summary: 'a batond that was killed has its machines again',
  run,
};
