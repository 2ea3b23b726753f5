/**
 * Events to 500 subscribers: how long until the last of them has one, from when it was written; how long a request takes
 * meanwhile; and what batond needs in memory, with and without some that do not read.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ticker } from '../../guests/ticker.js';
import { within } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { DaemonStage } from '../daemon-stage.js';

const LISTENERS = fileURLToPath(new URL('../event-listeners.js', import.meta.url));
const SUBSCRIBERS = 500;
const SLOW = 20;
const RUNS = 200;
const SHORT_RUNS = 40;
const DEADLINE_MS = 60_000;

interface Page {
  readonly events: readonly { readonly time: string }[];
  readonly last: number;
}

class Listeners {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(socketPath: string) {
    const args = [LISTENERS, socketPath, String(SUBSCRIBERS), String(SLOW)];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
  }

  async line(): Promise<string> {
    const [line] = (await within(once(this.#lines, 'line'), DEADLINE_MS, 'the subscribers')) as [string];
    return line;
  }

  /** Milliseconds since the epoch at which the last of them had it. */
  async hadBy(seq: number): Promise<number> {
    const line = this.line();
    this.#child.stdin?.write(`${seq}\n`);
    return Number((await line).split(' ')[1]);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function run({ directory, short, log }: BenchContext): Promise<Comparison[]> {
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const stage = await DaemonStage.openUnlimited(join(directory, 'd'));
  let listeners: Listeners | null = null;
  const delays: number[] = [];
  const answers: number[] = [];
  try {
    const create = (name: string) => stage.client.post('/v1/machines', { name, memoryMiB: 32, kernel });
    await create('first');
    const without = await stage.idleMiB();
    listeners = new Listeners(stage.socketPath);
    await listeners.line();
    log(`${SUBSCRIBERS} subscribers, ${SLOW} of which read nothing`);
    for (let turn = 0; turn < (short ? SHORT_RUNS : RUNS); turn += 1) {
      const askedAt = performance.now();
      await create(`m${turn}`);
      answers.push(performance.now() - askedAt);
      const { last } = await stage.client.get<Page>('/v1/events?limit=1');
      const { events } = await stage.client.get<Page>(`/v1/events?after=${last - 1}&limit=1`);
      delays.push(Math.max(0, (await listeners.hadBy(last)) - Date.parse(events[0]?.time ?? '')));
    }
    const withAll = await stage.idleMiB();
    return [
      {
        what: `from an event's being written until the last of ${SUBSCRIBERS - SLOW} subscribers has it`,
        unit: 'ms',
        subject: { name: `${SUBSCRIBERS} subscribers`, values: delays },
        reference: null,
        goal: null,
      },
      {
        what: `the request that makes an event for ${SUBSCRIBERS} subscribers`,
        unit: 'ms',
        subject: { name: 'POST machines', values: answers },
        reference: null,
        goal: null,
      },
      {
        what: `resident memory of batond with ${SUBSCRIBERS} subscribers, beside none`,
        unit: 'MiB',
        subject: { name: `${SUBSCRIBERS} subscribers`, values: [withAll] },
        reference: { name: 'none', values: [without] },
        goal: null,
      },
    ];
  } finally {
    listeners?.stop();
    await stage.stop();
  }
}

export const eventsFanout: Benchmark = {
  name: 'events-fanout',
  summary: 'an event to 500 subscribers, some of which do not read',
  run,
};
