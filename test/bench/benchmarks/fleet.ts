/**
 * A host with many QEMU machines: what batond itself needs in memory for 50 of them, and how long it takes to move 20
 * to another build, one after another and four at a time. The guests only halt, so the host's time is batond's and
 * QEMU's own. Ends of upgrades come as events, as a client with many machines would wait for them.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonEvent } from '../../demo/daemon-client.js';
import { QemuStage } from '../../e2e/qemu-stage.js';
import { x86Idle } from '../../guests/x86-idle.js';
import { waitFor } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';

const FULL = { machines: 50, upgrades: 20, rounds: 3 };
const SHORT = { machines: 8, upgrades: 4, rounds: 1 };
const AT_A_TIME = 4;
const MEMORY_MIB = 32;
/** Measured once batond has been idle, so after its collector has calmed down. */
const SETTLE_MS = 3_000;
const UPGRADE_DEADLINE_MS = 120_000;
const KIB_PER_MIB = 1024;

async function daemonMiB(stage: QemuStage): Promise<number> {
  await delay(SETTLE_MS);
  const status = await readFile(`/proc/${stage.daemonPid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / KIB_PER_MIB;
}

/** Does the same for each item, at most some at a time, in order. */
async function forEach<T>(
  items: readonly T[],
  atATime: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: atATime }, work));
}

class Fleet {
  readonly machines: string[] = [];
  readonly #stage: QemuStage;
  /** How operations ended, by their ids. */
  readonly #ends = new Map<string, unknown>();

  constructor(stage: QemuStage) {
    this.#stage = stage;
  }

  /** Hears of ends before it asks for any. */
  follow(): Promise<{ close(): void }> {
    return this.#stage.client.follow(0, ({ type, data }: DaemonEvent) => {
      if (type === 'baton.operation.finished') this.#ends.set(String(data.operation), data.state);
    });
  }

  async add(name: string, document: object): Promise<void> {
    const { client } = this.#stage;
    const { id } = await client.post<{ id: string }>('/v1/machines', { name, ...document });
    await client.perform(`/v1/machines/${id}/start`);
    this.machines.push(`/v1/machines/${id}`);
  }

  /** Seconds until all of them run on the build. */
  async upgrade(count: number, atATime: number, build: string): Promise<number> {
    const startedAt = performance.now();
    await forEach(this.machines.slice(0, count), atATime, (machine) => this.#upgradeOne(machine, build));
    return (performance.now() - startedAt) / 1000;
  }

  async #upgradeOne(machine: string, build: string): Promise<void> {
    const request = { build, mode: 'cpr-transfer' };
    const { id } = await this.#stage.client.post<{ id: string }>(`${machine}/upgrade`, request);
    const wait = { deadlineMs: UPGRADE_DEADLINE_MS, what: `the upgrade of ${machine} to end` };
    const state = await waitFor(() => this.#ends.get(id), wait);
    if (state !== 'succeeded')
      throw new Error(`expected the upgrade of ${machine} to succeed, it is ${state}`);
  }
}

async function run({ short, directory, log }: BenchContext): Promise<Comparison[]> {
  const { machines, upgrades, rounds } = short ? SHORT : FULL;
  const kernel = join(directory, 'idle.bin');
  await writeFile(kernel, x86Idle());
  const stage = await QemuStage.open();
  const memory = { none: [] as number[], many: [] as number[] };
  const seconds = { oneByOne: [] as number[], several: [] as number[] };
  try {
    const fleet = new Fleet(stage);
    const events = await fleet.follow();
    const builds = [await stage.register('11.1', 'one'), await stage.register('11.1', 'other')];
    memory.none.push(await daemonMiB(stage));
    log(`starting ${machines} machines on QEMU 11.1`);
    const document = { memoryMiB: MEMORY_MIB, kernel, accelerator: 'tcg', build: builds[0] };
    const names = Array.from({ length: machines }, (_, index) => `m${index}`);
    await forEach(names, AT_A_TIME, (name) => fleet.add(name, document));
    memory.many.push(await daemonMiB(stage));
    log(`upgrading ${upgrades} of them, one after another and ${AT_A_TIME} at a time, in turns`);
    for (let round = 0; round < rounds; round++) {
      seconds.oneByOne.push(await fleet.upgrade(upgrades, 1, builds[1] as string));
      seconds.several.push(await fleet.upgrade(upgrades, AT_A_TIME, builds[0] as string));
    }
    events.close();
  } finally {
    await stage.close();
  }
  return [
    {
      what: `resident memory of batond with ${machines} QEMU machines, beside none`,
      unit: 'MiB',
      subject: { name: `${machines} machines`, values: memory.many },
      reference: { name: 'none', values: memory.none },
      goal: null,
    },
    {
      what: `time to upgrade ${upgrades} machines, ${AT_A_TIME} at a time beside one after another`,
      unit: 's',
      subject: { name: `${AT_A_TIME} at a time`, values: seconds.several },
      reference: { name: 'one after another', values: seconds.oneByOne },
      goal: null,
    },
  ];
}

export const fleet: Benchmark = { name: 'fleet', summary: 'batond with many QEMU machines', run };
