/**
 * The pause of an upgrade ordered from batond beside the same upgrade by a bare QMP script, in turns. The
 * daemon starts the target stopped and lets it run by one command, so that both never run: that is what
 * it pays for.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonClient } from '../../demo/daemon-client.js';
import { DaemonProcess } from '../../demo/daemon-process.js';
import { waitForTicker } from '../../demo/guest-console.js';
import { ticker } from '../../guests/ticker.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { Relay } from '../relay.js';

const RUNS = 50;
const SHORT_RUNS = 8;
const MEMORY_MIB = 256;
/** The pause lies before the target's first line ends or in the second. */
const LINES_AFTER = 3;
const LINE_DEADLINE_MS = 20_000;

interface UpgradeDocument {
  readonly pauseMs: number;
}

class DaemonRelay {
  readonly pauses: number[] = [];
  readonly gaps: number[] = [];
  readonly #daemon: DaemonProcess;
  readonly #client: DaemonClient;
  #machine = '';

  constructor(directory: string) {
    this.#daemon = new DaemonProcess(directory);
    this.#client = new DaemonClient(this.#daemon.socketPath);
  }

  async start(kernel: string): Promise<void> {
    await this.#daemon.waitUntilListening();
    const document = { name: 'bench', memoryMiB: MEMORY_MIB, vcpus: 1, kernel };
    const { id } = await this.#client.post<{ id: string }>('/v1/machines', document);
    this.#machine = `/v1/machines/${id}`;
    await this.#client.perform(`${this.#machine}/start`);
    await waitForTicker(this.#client, this.#machine, LINES_AFTER, LINE_DEADLINE_MS);
  }

  async upgrade(): Promise<void> {
    const operation = await this.#client.perform(`${this.#machine}/upgrade`, { mode: 'cpr-transfer' });
    const path = operation.replace('/operations/', '/upgrades/');
    const { pauseMs } = await this.#client.get<UpgradeDocument>(path);
    this.pauses.push(pauseMs);
    const { lines } = await waitForTicker(
      this.#client,
      this.#machine,
      LINES_AFTER,
      LINE_DEADLINE_MS,
      'newest',
    );
    this.gaps.push(Math.max(...lines.map(({ gapMs }) => gapMs)));
  }

  async end(): Promise<void> {
    if (this.#machine !== '' && !this.#daemon.ended) await this.#client.perform(`${this.#machine}/kill`);
    await this.#daemon.stop();
  }
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const { baton, short, directory, log } = context;
  const kernel = join(directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  await mkdir(join(directory, 'd'));
  const ordered = new DaemonRelay(join(directory, 'd'));
  const bare = new Relay(context, baton, 'b', kernel, MEMORY_MIB);
  log('by batond and by a bare script in turns');
  try {
    await ordered.start(kernel);
    await bare.start();
    for (let count = 0; count < (short ? SHORT_RUNS : RUNS); count++) {
      await ordered.upgrade();
      await bare.upgrade();
    }
  } finally {
    await bare.end();
    await ordered.end();
  }
  return [
    {
      what: 'cpr-transfer pause of baton-vmm, by batond beside a bare script',
      unit: 'ms',
      subject: { name: 'batond', values: ordered.pauses },
      reference: { name: 'bare script', values: bare.measured.pauses },
      goal: null,
    },
    {
      what: 'longest gap that the guest’s ticker printed, by batond, beside the pause',
      unit: 'ms',
      subject: { name: 'gap', values: ordered.gaps },
      reference: { name: 'pause', values: ordered.pauses },
      goal: { kind: 'difference-at-most', value: 2 },
    },
  ];
}

export const pauseDaemon: Benchmark = { name: 'pause-daemon', summary: 'cpr-transfer by batond', run };
