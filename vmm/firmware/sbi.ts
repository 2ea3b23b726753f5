/**
 * The firmware a supervisor calls with `ecall`: SBI 2.0 for one hart, answered by the VMM, so that no
 * firmware needs to be in guest RAM. Extensions: BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN; all others
 * are "not supported", as are the legacy calls of SBI 0.1.
 */
import { RAM_BASE_ADDRESS } from '../layout.js';

/** The part of the CPU that the firmware touches. */
export interface SbiCore {
  pc: bigint;
  readX(index: number): bigint;
  writeX(index: number, value: bigint): void;
  readCsr(number: number): bigint;
  writeCsr(number: number, value: bigint): void;
  flushCode(): void;
}

export interface SbiConsole {
  write(bytes: Uint8Array): void;
  /** Up to `limit` bytes that wait. */
  read(limit: number): Uint8Array;
}

export interface SbiEvents {
  finish(passed: boolean, exitCode: number): void;
  reset(): void;
}

/** What the hart does after a call. */
export type AfterCall = 'go on' | 'wait for interrupt';

const SUCCESS = 0n;
const FAILED = -1n;
const NOT_SUPPORTED = -2n;
const INVALID_PARAM = -3n;
const ALREADY_AVAILABLE = -6n;

interface Answer {
  readonly error: bigint;
  readonly value?: bigint;
  readonly after?: AfterCall;
}
const OK: Answer = { error: SUCCESS };

const CSR_STIMECMP = 0x14d;
const CSR_MIP = 0x344;
const CSR_MVENDORID = 0xf11;
const CSR_MARCHID = 0xf12;
const CSR_MIMPID = 0xf13;
const MIP_SSIP = 2n;

const SPECIFICATION_VERSION = 0x0200_0000n; // 2.0
/** Not one of the numbers that the specification gives away: "BATN". */
const IMPLEMENTATION_ID = 0x4241_544en;
const IMPLEMENTATION_VERSION = 1n;

const BASE = 0x10;
const TIME = 0x54494d45;
const IPI = 0x735049;
const RFENCE = 0x52464e43;
const HSM = 0x48534d;
const SRST = 0x53525354;
const DBCN = 0x4442434e;

const HART_ID = 0n;
const ALL_HARTS = 0xffff_ffff_ffff_ffffn;
/** One call moves at most this much; a guest that wants more calls again, as the specification says. */
const CONSOLE_LIMIT_BYTES = 4096n;

type Extension = (call: number, args: readonly bigint[]) => Answer;

export class Sbi {
  readonly #core: SbiCore;
  readonly #ram: Uint8Array;
  readonly #console: SbiConsole;
  readonly #events: SbiEvents;
  readonly #extensions: ReadonlyMap<number, Extension>;

  constructor(core: SbiCore, ram: Uint8Array, console: SbiConsole, events: SbiEvents) {
    this.#core = core;
    this.#ram = ram;
    this.#console = console;
    this.#events = events;
    this.#extensions = new Map<number, Extension>([
      [BASE, (call, args) => this.#base(call, args)],
      [TIME, (call, args) => this.#time(call, args)],
      [IPI, (call, args) => this.#ipi(call, args)],
      [RFENCE, (call, args) => this.#remoteFence(call, args)],
      [HSM, (call, args) => this.#hartState(call, args)],
      [SRST, (call, args) => this.#systemReset(call, args)],
      [DBCN, (call, args) => this.#debugConsole(call, args)],
    ]);
  }

  /** Answers the call the hart stands at: a7 extension, a6 function, a0 to a5 arguments. */
  handle(): AfterCall {
    const core = this.#core;
    const extension = Number(core.readX(17) & 0xffff_ffffn);
    const call = Number(core.readX(16) & 0xffff_ffffn);
    const args = [10, 11, 12, 13, 14, 15].map((index) => BigInt.asUintN(64, core.readX(index)));
    const answer = this.#extensions.get(extension)?.(call, args) ?? { error: NOT_SUPPORTED };
    core.writeX(10, BigInt.asUintN(64, answer.error));
    core.writeX(11, BigInt.asUintN(64, answer.value ?? 0n));
    core.pc = BigInt.asUintN(64, core.pc + 4n);
    return answer.after ?? 'go on';
  }

  #base(call: number, [first = 0n]: readonly bigint[]): Answer {
    switch (call) {
      case 0:
        return { error: SUCCESS, value: SPECIFICATION_VERSION };
      case 1:
        return { error: SUCCESS, value: IMPLEMENTATION_ID };
      case 2:
        return { error: SUCCESS, value: IMPLEMENTATION_VERSION };
      case 3:
        return { error: SUCCESS, value: this.#extensions.has(Number(first & 0xffff_ffffn)) ? 1n : 0n };
      case 4:
        return { error: SUCCESS, value: this.#core.readCsr(CSR_MVENDORID) };
      case 5:
        return { error: SUCCESS, value: this.#core.readCsr(CSR_MARCHID) };
      case 6:
        return { error: SUCCESS, value: this.#core.readCsr(CSR_MIMPID) };
      default:
        return { error: NOT_SUPPORTED };
    }
  }

  #time(call: number, [deadline = 0n]: readonly bigint[]): Answer {
    if (call !== 0) return { error: NOT_SUPPORTED };
    this.#core.writeCsr(CSR_STIMECMP, deadline);
    return OK;
  }

  #ipi(call: number, [mask = 0n, base = 0n]: readonly bigint[]): Answer {
    if (call !== 0) return { error: NOT_SUPPORTED };
    if (!areHarts(mask, base)) return { error: INVALID_PARAM };
    if (base === ALL_HARTS || mask !== 0n) {
      this.#core.writeCsr(CSR_MIP, this.#core.readCsr(CSR_MIP) | MIP_SSIP);
    }
    return OK;
  }

  /** With one hart, remote fences are its own; ranges and address spaces are not told apart. */
  #remoteFence(call: number, [mask = 0n, base = 0n]: readonly bigint[]): Answer {
    if (call > 2) return { error: NOT_SUPPORTED };
    if (!areHarts(mask, base)) return { error: INVALID_PARAM };
    this.#core.flushCode();
    return OK;
  }

  #hartState(call: number, [first = 0n]: readonly bigint[]): Answer {
    switch (call) {
      case 0:
        return { error: first === HART_ID ? ALREADY_AVAILABLE : INVALID_PARAM };
      case 1:
        return { error: FAILED }; // the only hart: nobody could start it again
      case 2:
        return first === HART_ID ? OK : { error: INVALID_PARAM };
      case 3:
        return suspend(first & 0xffff_ffffn);
      default:
        return { error: NOT_SUPPORTED };
    }
  }

  #systemReset(call: number, [type = 0n, reason = 0n]: readonly bigint[]): Answer {
    if (call !== 0) return { error: NOT_SUPPORTED };
    if (type > 2n || reason > 1n) return { error: INVALID_PARAM };
    if (type === 0n) this.#events.finish(reason === 0n, 0);
    else this.#events.reset();
    return OK;
  }

  #debugConsole(call: number, [first = 0n, low = 0n, high = 0n]: readonly bigint[]): Answer {
    if (call === 2) {
      this.#console.write(Uint8Array.of(Number(first & 0xffn)));
      return OK;
    }
    if (call > 2) return { error: NOT_SUPPORTED };
    const buffer = this.#guestBuffer(first, low, high);
    if (buffer === null) return { error: INVALID_PARAM };
    if (call === 0) {
      this.#console.write(buffer.slice());
      return { error: SUCCESS, value: BigInt(buffer.length) };
    }
    const bytes = this.#console.read(buffer.length);
    buffer.set(bytes);
    return { error: SUCCESS, value: BigInt(bytes.length) };
  }

  /** The guest's RAM from a physical address on, at most the limit; `null` when it is not all RAM. */
  #guestBuffer(lengthBytes: bigint, low: bigint, high: bigint): Uint8Array | null {
    const start = low - BigInt(RAM_BASE_ADDRESS);
    const size = BigInt(this.#ram.length);
    if (high !== 0n || start < 0n || start > size || lengthBytes > size - start) return null;
    const taken = lengthBytes < CONSOLE_LIMIT_BYTES ? lengthBytes : CONSOLE_LIMIT_BYTES;
    return this.#ram.subarray(Number(start), Number(start + taken));
  }
}

/** True when the mask names no hart but ours. */
function areHarts(mask: bigint, base: bigint): boolean {
  if (base === ALL_HARTS || mask === 0n) return true;
  return base === HART_ID && mask === 1n;
}

/** Retentive suspend is a wait for an interrupt; the platform has no deeper state. */
function suspend(type: bigint): Answer {
  if (type === 0n) return { error: SUCCESS, after: 'wait for interrupt' };
  return { error: type === 0x8000_0000n ? NOT_SUPPORTED : INVALID_PARAM };
}
