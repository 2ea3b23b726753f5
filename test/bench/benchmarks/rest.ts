/**
 * How long the REST interface takes to answer with many machines in the inventory, 200 requests per second of several
 * kinds, and one machine that is upgraded all the while. And how many requests it answers when nothing limits them.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { DaemonStage } from '../daemon-stage.js';

const LOAD = fileURLToPath(new URL('../rest-load.js', import.meta.url));
const FULL = { inventories: [1_000, 10_000], seconds: 30 };
const SHORT = { inventories: [1_000], seconds: 8 };
const RATE = 200;
const GOAL_MS = 10;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

async function load(stage: DaemonStage, rate: number, seconds: number, operation: string): Promise<number[]> {
  const args = [LOAD, stage.socketPath, String(rate), String(seconds), operation];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: MAX_OUTPUT_BYTES });
  return JSON.parse(stdout) as number[];
}

async function upgradesWhile(stage: DaemonStage, machine: string, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  let count = 0;
  const ended = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await stage.client.perform(`${machine}/upgrade`, { mode: 'cpr-transfer' });
    count += 1;
  }
  await ended;
  return count;
}

async function measure(context: BenchContext, inventory: number): Promise<Comparison[]> {
  const { directory, short, log } = context;
  const { seconds } = short ? SHORT : FULL;
  const folder = join(directory, String(inventory));
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const stage = await DaemonStage.openUnlimited(folder);
  try {
    const document = { name: 'm', memoryMiB: 32, kernel };
    const { id } = await stage.client.post<{ id: string }>('/v1/machines', document);
    await stage.multiply('m', inventory - 1);
    const machine = `/v1/machines/${id}`;
    const operation = (await stage.client.perform(`${machine}/start`)).replace('/v1/operations/', '');
    await load(stage, 50, 2, operation);
    const loading = load(stage, RATE, seconds, operation);
    const upgrades = await upgradesWhile(stage, machine, loading);
    log(`${inventory} machines: ${upgrades} upgrades during ${seconds} s of ${RATE} requests per second`);
    const unlimited = await load(stage, 0, seconds / 4, operation);
    log(`${inventory} machines: ${Math.round((unlimited.length * 4) / seconds)} requests per second at most`);
    await stage.client.perform(`${machine}/kill`);
    const what = `answers of batond with ${inventory} machines`;
    return [
      {
        what: `${what}, ${RATE} requests per second, upgrades meanwhile`,
        unit: 'ms',
        subject: { name: 'batond', values: await loading },
        reference: null,
        goal: inventory === 1_000 ? { kind: 'p99-at-most', value: GOAL_MS } : null,
      },
      {
        what: `${what}, four at a time without a limit`,
        unit: 'ms',
        subject: { name: 'batond', values: unlimited },
        reference: null,
        goal: null,
      },
    ];
  } finally {
    await stage.stop();
  }
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const inventory of (context.short ? SHORT : FULL).inventories) {
    comparisons.push(...(await measure(context, inventory)));
  }
  return comparisons;
}

export const rest: Benchmark = {
  name: 'rest',
  summary: 'answers of the REST interface with many machines, under load, upgrades meanwhile',
  run,
};
