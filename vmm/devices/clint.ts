/**
 * Core-local interruptor of one hart, compatible "riscv,clint0": software interrupt, timer compare and the
 * machine's time. `mtime` is guest time in 10 MHz ticks plus what the guest added by writing it; the
 * `time` CSR reads the same counter.
 *
 * Not emulated: further harts (their registers read 0).
 */
import { TICK_NS } from '../layout.js';
import type { StateDescription } from '../state/description.js';
import type { Clock, GuestErrors, IrqLine, MmioDevice, StatefulDevice, TimedDevice } from './device.js';

const MSIP = 0x0000; // RW  bit 0: software interrupt
const MTIMECMP_LOW = 0x4000; // RW
const MTIMECMP_HIGH = 0x4004; // RW
const MTIME_LOW = 0xbff8; // RW
const MTIME_HIGH = 0xbffc; // RW

export interface ClintState {
  /** What `mtime` is ahead of guest time, modulo 2^64. */
  readonly time_delta: bigint;
  readonly timecmp: bigint;
  readonly msip: number;
}

const NEVER = 0xffff_ffff_ffff_ffffn;

export const CLINT_RESET: ClintState = { time_delta: 0n, timecmp: NEVER, msip: 0 };

export const CLINT_STATE: StateDescription<ClintState> = {
  name: 'riscv_mtimer',
  version: 3,
  minimumVersion: 3,
  fields: [
    { name: 'time_delta', type: 'uint64' },
    { name: 'timecmp', type: 'uint64' },
  ],
  subsections: [
    {
      name: 'riscv_mtimer/swi',
      version: 1,
      fields: [{ name: 'msip', type: 'uint32' }],
      needed: (state) => state.msip !== 0,
    },
  ],
  reset: CLINT_RESET,
  validate: ({ msip }) => (msip > 1 ? `msip is 0 or 1, got ${msip}` : null),
};

export interface ClintLines {
  readonly msip: IrqLine;
  readonly mtip: IrqLine;
}

export class Clint implements MmioDevice, StatefulDevice<ClintState>, TimedDevice {
  readonly #clock: Clock;
  readonly #lines: ClintLines;
  readonly #errors: GuestErrors;
  #timeDelta: bigint;
  #timecmp: bigint;
  #msip: number;
  /** `timecmp` as guest time in ticks, so that polling it needs no 64-bit arithmetic. */
  #dueTicks = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, lines: ClintLines, errors: GuestErrors, state: ClintState = CLINT_RESET) {
    this.#clock = clock;
    this.#lines = lines;
    this.#errors = errors;
    this.#timeDelta = state.time_delta;
    this.#timecmp = state.timecmp;
    this.#msip = state.msip;
    this.#lines.msip.set(this.#msip === 1);
    this.#retime();
  }

  /** The `time` CSR. Exact up to 2^53 ticks. */
  ticks(): number {
    const raw = Math.floor(this.#clock.nowNs() / TICK_NS);
    return this.#timeDelta === 0n ? raw : Number(this.#mtime());
  }

  /** Once it has passed there is none until `mtimecmp` or `mtime` is written. */
  deadlineNs(): number {
    return this.#dueTicks * TICK_NS;
  }

  tick(): void {
    const isDue = this.#mtime() >= this.#timecmp;
    this.#lines.mtip.set(isDue);
    if (isDue) this.#dueTicks = Number.POSITIVE_INFINITY;
  }

  read(offset: number): number {
    switch (offset) {
      case MSIP:
        return this.#msip;
      case MTIMECMP_LOW:
        return low(this.#timecmp);
      case MTIMECMP_HIGH:
        return high(this.#timecmp);
      case MTIME_LOW:
        return low(this.#mtime());
      case MTIME_HIGH:
        return high(this.#mtime());
      default:
        this.#errors.invalidRead('clint', offset);
        return 0;
    }
  }

  write(offset: number, _width: number, value: number): void {
    switch (offset) {
      case MSIP:
        this.#msip = value & 1;
        this.#lines.msip.set(this.#msip === 1);
        return;
      case MTIMECMP_LOW:
        this.#timecmp = withLow(this.#timecmp, value);
        this.#retime();
        return;
      case MTIMECMP_HIGH:
        this.#timecmp = withHigh(this.#timecmp, value);
        this.#retime();
        return;
      case MTIME_LOW:
        this.#setMtime(withLow(this.#mtime(), value));
        return;
      case MTIME_HIGH:
        this.#setMtime(withHigh(this.#mtime(), value));
        return;
      default:
        this.#errors.invalidWrite('clint', offset, value);
    }
  }

  save(): ClintState {
    return { time_delta: this.#timeDelta, timecmp: this.#timecmp, msip: this.#msip };
  }

  #mtime(): bigint {
    return BigInt.asUintN(64, this.#rawTicks() + this.#timeDelta);
  }

  #rawTicks(): bigint {
    return BigInt(Math.floor(this.#clock.nowNs() / TICK_NS));
  }

  #setMtime(value: bigint): void {
    this.#timeDelta = BigInt.asUintN(64, value - this.#rawTicks());
    this.#retime();
  }

  #retime(): void {
    this.tick();
    const mtime = this.#mtime();
    this.#dueTicks =
      this.#timecmp <= mtime || this.#timecmp === NEVER
        ? Number.POSITIVE_INFINITY
        : Number(this.#rawTicks() + this.#timecmp - mtime);
  }
}

function low(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

function high(value: bigint): number {
  return Number(value >> 32n);
}

function withLow(value: bigint, part: number): bigint {
  return (value & 0xffff_ffff_0000_0000n) | BigInt(part);
}

function withHigh(value: bigint, part: number): bigint {
  return (value & 0xffff_ffffn) | (BigInt(part) << 32n);
}
