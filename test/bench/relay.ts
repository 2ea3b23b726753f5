/** A machine with the ticker that is handed over again and again by a bare QMP script, and measured. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { STATUS_PAGE } from '../guests/ticker.js';
import { waitFor } from '../helpers/wait.js';
import type { BenchContext } from './benchmark.js';
import { type Contender, type MonitoredVmm, machineArguments, startMonitored } from './contender.js';
import { GuestGap } from './guest-gap.js';
import { handOver, retire } from './hand-over.js';
import type { Standstill } from './sampler.js';

const PAGE_OFFSET = STATUS_PAGE - 0x80000000;
const TICKS_OFFSET = PAGE_OFFSET + 8;
const OWN_GAP_OFFSET = PAGE_OFFSET + 24;
const PATTERN_ERRORS_OFFSET = PAGE_OFFSET + 40;
const TICK_MS = 1;
const HUNDREDS_OF_NS_PER_MS = 10_000;

export interface Measured {
  readonly pauses: number[];
  /** The guest's standstill in which the pause lies. */
  readonly standstills: number[];
  /** Its longest standstill from the start of the target on, by the host's clock. */
  readonly longest: number[];
  /** Its longest standstill by its own clock. */
  readonly ownGaps: number[];
}

export class Relay {
  readonly measured: Measured = { pauses: [], standstills: [], longest: [], ownGaps: [] };
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
    const { target, pauseMs, stoppedAtMs, resumedAtMs } = await handOver(
      current,
      this.#contender,
      directory,
      this.#args,
    );
    this.#current = target;
    const seen = await gap.finish();
    const lengths = (list: readonly Standstill[]) => list.map(({ fromMs, untilMs }) => untilMs - fromMs);
    const around = seen.filter(({ fromMs, untilMs }) => fromMs <= resumedAtMs && untilMs >= stoppedAtMs);
    this.measured.pauses.push(pauseMs);
    this.measured.standstills.push(Math.max(TICK_MS, ...lengths(around)));
    this.measured.longest.push(Math.max(TICK_MS, ...lengths(seen)));
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
