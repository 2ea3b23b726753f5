/**
 * The pause of a cpr-transfer and the standstill that the guest has of it: baton-vmm beside QEMU with the
 * same guest, memory and QMP script, turn by turn; and baton-vmm with much memory beside little.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATUS_PAGE, ticker } from '../../guests/ticker.js';
import { waitFor } from '../../helpers/wait.js';
import type { BenchContext, Benchmark, Comparison } from '../benchmark.js';
import { type Contender, type MonitoredVmm, machineArguments, startMonitored } from '../contender.js';
import { GuestGap } from '../guest-gap.js';
import { handOver, retire } from '../hand-over.js';

const RUNS = 50;
const SHORT_RUNS = 8;
const PAGE_OFFSET = STATUS_PAGE - 0x80000000;
const TICKS_OFFSET = PAGE_OFFSET + 8;
const OWN_GAP_OFFSET = PAGE_OFFSET + 24;
const PATTERN_ERRORS_OFFSET = PAGE_OFFSET + 40;
const HUNDREDS_OF_NS_PER_MS = 10_000;

interface Measured {
  readonly pauses: number[];
  readonly gaps: number[];
  readonly ownGaps: number[];
}

/** One machine that is handed over again and again. */
class Relay {
  readonly measured: Measured = { pauses: [], gaps: [], ownGaps: [] };
  readonly #contender: Contender;
  readonly #directory: string;
  readonly #memoryFile: string;
  readonly #args: readonly string[];
  #current: MonitoredVmm | undefined;
  #gap: GuestGap | undefined;
  #generation = 1;

  constructor(context: BenchContext, contender: Contender, name: string, kernel: string, memoryMiB: number) {
    this.#contender = contender;
    this.#directory = join(context.directory, name);
    this.#memoryFile = join(context.memoryDirectory, name);
    const options = { kernel, memoryMiB, memoryFile: this.#memoryFile };
    this.#args = [...machineArguments(options), '-serial', 'null'];
  }

  async start(): Promise<void> {
    this.#current = await startMonitored(this.#contender, `${this.#directory}1`, this.#args);
    this.#gap = new GuestGap(this.#memoryFile);
    const ticks = () => this.#read(TICKS_OFFSET) > 200n;
    await waitFor(ticks, { deadlineMs: 60_000, what: `the ticker to run in ${this.#contender.name}` });
  }

  async upgrade(): Promise<void> {
    const { current, gap } = this.#parts();
    this.#write(OWN_GAP_OFFSET, 0n);
    await gap.start();
    const directory = `${this.#directory}${++this.#generation}`;
    const { target, pauseMs } = await handOver(current, this.#contender, directory, this.#args);
    this.#current = target;
    this.measured.pauses.push(pauseMs);
    this.measured.gaps.push(await gap.finish());
    this.measured.ownGaps.push(Number(this.#read(OWN_GAP_OFFSET)) / HUNDREDS_OF_NS_PER_MS);
    const errors = this.#read(PATTERN_ERRORS_OFFSET);
    if (errors !== 0n) throw new Error(`${this.#contender.name}: ${errors} errors in the guest's pattern`);
    await rm(directory, { recursive: true, force: true });
  }

  async end(): Promise<void> {
    await this.#gap?.close();
    if (this.#current !== undefined) await retire(this.#current);
    await rm(this.#memoryFile, { force: true });
  }

  #parts(): { current: MonitoredVmm; gap: GuestGap } {
    if (this.#current === undefined || this.#gap === undefined) throw new Error('expected a started relay');
    return { current: this.#current, gap: this.#gap };
  }

  #read(offset: number): bigint {
    const bytes = Buffer.alloc(8);
    this.#access('r', (file) => readSync(file, bytes, 0, 8, offset));
    return bytes.readBigUInt64LE();
  }

  #write(offset: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.#access('r+', (file) => writeSync(file, bytes, 0, 8, offset));
  }

  #access(mode: string, action: (file: number) => void): void {
    const file = openSync(this.#memoryFile, mode);
    try {
      action(file);
    } finally {
      closeSync(file);
    }
  }
}

/** Both machines live at once and are handed over in turns, so that both meet the same host. */
async function race(context: BenchContext, relays: readonly Relay[]): Promise<void> {
  try {
    for (const relay of relays) await relay.start();
    for (let run = 0; run < (context.short ? SHORT_RUNS : RUNS); run++) {
      for (const relay of relays) await relay.upgrade();
    }
  } finally {
    for (const relay of relays) await relay.end();
  }
}

async function run(context: BenchContext): Promise<Comparison[]> {
  const { baton, qemu } = context;
  const kernel = join(context.directory, 'ticker.bin');
  await writeFile(kernel, ticker().bytes);
  const relay = (contender: Contender, name: string, memoryMiB: number) =>
    new Relay(context, contender, name, kernel, memoryMiB);

  context.log('1 GiB, baton-vmm and QEMU in turns');
  const [subject, reference] = [relay(baton, 'b', 1024), relay(qemu, 'q', 1024)];
  await race(context, [subject, reference]);
  context.log('baton-vmm with 3 GiB and 256 MiB in turns');
  const [large, small] = [relay(baton, 'l', 3072), relay(baton, 's', 256)];
  await race(context, [large, small]);

  return [
    {
      what: 'cpr-transfer pause, 1 GiB',
      unit: 'ms',
      subject: { name: baton.name, values: subject.measured.pauses },
      reference: { name: qemu.name, values: reference.measured.pauses },
      goal: { kind: 'ratio-at-most', value: 0.5 },
    },
    {
      what: 'standstill of the guest by the host’s clock, 1 GiB',
      unit: 'ms',
      subject: { name: baton.name, values: subject.measured.gaps },
      reference: { name: qemu.name, values: reference.measured.gaps },
      goal: null,
    },
    {
      what: 'standstill of the guest beside the pause, baton-vmm',
      unit: 'ms',
      subject: { name: 'standstill', values: subject.measured.gaps },
      reference: { name: 'pause', values: subject.measured.pauses },
      goal: { kind: 'difference-at-most', value: 2 },
    },
    {
      what: 'longest gap by the guest’s own clock, baton-vmm',
      unit: 'ms',
      subject: { name: 'gap', values: subject.measured.ownGaps },
      reference: { name: 'pause', values: subject.measured.pauses },
      goal: { kind: 'difference-at-most', value: 2 },
    },
    {
      what: 'pause with 3 GiB beside 256 MiB, baton-vmm',
      unit: 'ms',
      subject: { name: '3 GiB', values: large.measured.pauses },
      reference: { name: '256 MiB', values: small.measured.pauses },
      goal: { kind: 'ratio-at-most', value: 1.2 },
    },
  ];
}

export const pause: Benchmark = { name: 'pause', summary: 'cpr-transfer by a QMP script', run };
