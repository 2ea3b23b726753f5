/**
 * The guest CPU as the machine sees it: one RV64GC hart whose registers, TLBs and decoded code live in the
 * machine's WebAssembly memory, beside the guest's RAM. The guest can reach nothing outside that memory but
 * through `CoreHost`. Whatever the guest executes, `run` returns soon after its time is up.
 */
import { readFileSync } from 'node:fs';
import { RAM_BASE, STOP_REQUEST_OFFSET } from './memory-map.js';
import { CPU_RESET, CPU_SBI_RESET, type CpuState, readState, writeState } from './state.js';
import * as layout from './state-layout.js';

export { STOP_REQUEST_OFFSET } from './memory-map.js';

/** What the core calls. Numbers are unsigned 32-bit; nothing here may throw. */
export interface CoreHost {
  /** Device read, naturally aligned. An 8-byte access arrives as two of 4 bytes, low half first. */
  mmioRead(address: number, width: 1 | 2 | 4): number;
  mmioWrite(address: number, width: 1 | 2 | 4, value: number): void;
  /** The `time` CSR: 10 MHz, integer-valued. */
  ticks(): number;
  /** False: the core raises an access fault instead of calling. */
  isMmio(address: number): boolean;
  /** FENCE.I: what others than the hart wrote to RAM shall be what it executes. */
  fence(): void;
}

/** Why `run` came back; the index is the core's exit code. */
const EXIT_REASONS = ['slice-end', 'wfi', 'sbi-call', 'stop-requested'] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

export interface CoreOptions {
  /** An ecall from supervisor mode exits to the host instead of trapping to machine mode. */
  readonly sbi: boolean;
  readonly ramSizeBytes: number;
  readonly hartId: number;
}

/** Wires into `mip`, with their bit. */
const INTERRUPT_BITS = { msip: 3, mtip: 7, meip: 11, seip: 9 } as const;
export type InterruptLine = keyof typeof INTERRUPT_BITS;

interface CoreExports {
  initialize(withSbi: number, hartId: number, ramPages: number): void;
  restored(): void;
  run(untilTicks: number): number;
  flush(): void;
  flushRange(firstPage: number, pages: number): void;
  raiseAttention(): void;
  setWire(bit: number, level: number): void;
  hasPending(): number;
  canStimecmpWake(): number;
  hostReadCsr(number: number): number;
  lastCsr(): bigint;
  hostWriteCsr(number: number, value: bigint): number;
  cycles(): bigint;
  contextChanged(): void;
}

const PAGE_BYTES = 4096;

/** V8 flags while the core is compiled, and what they are otherwise. */
const COMPILE_FLAGS: readonly (readonly [string, string])[] = [
  ['--no-liftoff', '--liftoff'],
  ['--no-wasm-lazy-compilation', '--wasm-lazy-compilation'],
  // From 13 on V8 inlines by default, by counts that only Liftoff code collects; 14 aborts without them.
  ...(Number.parseInt(process.versions.v8, 10) >= 13
    ? ([['--no-wasm-inlining', '--wasm-inlining']] as const)
    : []),
];

/**
 * `fast`: compiles the core with the optimising compiler at once: the interpreter is one long-running function, which
 * V8 would otherwise leave in baseline code until the first slices have returned. `soon`: leaves it to V8, for when a
 * guest waits: slower code is there in a thirtieth of the time, and is replaced while it runs.
 */
export function loadCore(wanted: 'fast' | 'soon' = 'fast'): WebAssembly.Module {
  if (wanted === 'soon') return new WebAssembly.Module(coreBytes());
  const setBack = setCompileFlags();
  try {
    return new WebAssembly.Module(coreBytes());
  } finally {
    setBack();
  }
}

/** As `loadCore('fast')`, while this thread does other things; none of them may be compiling WebAssembly. */
export async function loadCoreMeanwhile(): Promise<WebAssembly.Module> {
  const setBack = setCompileFlags();
  try {
    return await WebAssembly.compile(coreBytes());
  } finally {
    setBack();
  }
}

function coreBytes(): Buffer<ArrayBuffer> {
  return readFileSync(new URL('core.wasm', import.meta.url));
}

/** Returns what puts them back. */
function setCompileFlags(): () => void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8'); // 2 ms that `soon` does without
  for (const [whileCompiling] of COMPILE_FLAGS) setFlagsFromString(whileCompiling);
  return () => {
    for (const [, otherwise] of COMPILE_FLAGS) setFlagsFromString(otherwise);
  };
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, host: CoreHost): CoreExports {
  const imports = {
    env: { memory },
    host: {
      mmioRead: (address: number, width: 1 | 2 | 4) => host.mmioRead(address >>> 0, width),
      mmioWrite: (address: number, width: 1 | 2 | 4, value: number) =>
        host.mmioWrite(address >>> 0, width, value >>> 0),
      ticks: () => host.ticks(),
      isMmio: (address: number) => (host.isMmio(address >>> 0) ? 1 : 0),
      fence: () => host.fence(),
    },
  };
  return new WebAssembly.Instance(module, imports).exports as unknown as CoreExports;
}

export class Core {
  readonly #core: CoreExports;
  readonly #memory: DataView;
  readonly #stopRequest: Uint8Array;
  readonly #sbi: boolean;

  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    host: CoreHost,
    options: CoreOptions,
    state: CpuState = CPU_RESET,
  ) {
    if (options.ramSizeBytes % PAGE_BYTES !== 0) {
      throw new RangeError(`ramSizeBytes must be a multiple of ${PAGE_BYTES}, got ${options.ramSizeBytes}`);
    }
    this.#core = instantiate(module, memory, host);
    this.#memory = new DataView(memory.buffer);
    this.#stopRequest = new Uint8Array(memory.buffer, STOP_REQUEST_OFFSET, 1);
    this.#sbi = options.sbi;
    this.#core.initialize(options.sbi ? 1 : 0, options.hartId, options.ramSizeBytes / PAGE_BYTES);
    this.load(state);
  }

  /**
   * Runs the guest until `untilTicks` has passed (looked at every few thousand instructions), it waits with
   * nothing pending, calls the SBI, or a stop is requested. A stop request is used up by ending a run.
   */
  run(untilTicks: number): ExitReason {
    return EXIT_REASONS[this.#core.run(untilTicks)] as ExitReason;
  }

  /** Ends `run` behind the current instruction; for callbacks of the host, on the same thread. */
  requestStop(): void {
    Atomics.store(this.#stopRequest, 0, 1);
    this.#core.raiseAttention();
  }

  /** Levels are kept until they are set again; they are no part of the saved state. */
  setInterrupt(line: InterruptLine, level: boolean): void {
    this.#core.setWire(INTERRUPT_BITS[line], level ? 1 : 0);
  }

  /** When stimecmp could end a WFI; Infinity when it cannot. */
  nextTimerTicks(): number {
    if (this.#core.canStimecmpWake() === 0) return Number.POSITIVE_INFINITY;
    return Number(this.#memory.getBigUint64(layout.STIMECMP, true));
  }

  hasPendingInterrupt(): boolean {
    return this.#core.hasPending() !== 0;
  }

  readX(index: number): bigint {
    return this.#memory.getBigUint64(layout.X + 8 * (index & 31), true);
  }

  writeX(index: number, value: bigint): void {
    if ((index & 31) !== 0) this.#memory.setBigUint64(layout.X + 8 * (index & 31), value, true);
  }

  get pc(): bigint {
    return this.#memory.getBigUint64(layout.PC, true);
  }

  set pc(value: bigint) {
    this.#memory.setBigUint64(layout.PC, value & ~1n, true);
  }

  /** 0 user, 1 supervisor, 3 machine. */
  get privilege(): number {
    return Number(this.#memory.getBigUint64(layout.PRIV, true));
  }

  set privilege(mode: 0 | 1 | 3) {
    this.#memory.setBigUint64(layout.PRIV, BigInt(mode), true);
    this.#core.contextChanged();
  }

  /** As machine mode would read it. */
  readCsr(number: number): bigint {
    if (this.#core.hostReadCsr(number) === 0) {
      throw new RangeError(`no CSR 0x${number.toString(16)}`);
    }
    return BigInt.asUintN(64, this.#core.lastCsr());
  }

  /** As machine mode would write it. */
  writeCsr(number: number, value: bigint): void {
    if (this.#core.hostWriteCsr(number, value) === 0) {
      throw new RangeError(`no writable CSR 0x${number.toString(16)}`);
    }
  }

  /** The host wrote guest RAM anywhere: decoded code and translations are dropped. */
  flushCode(): void {
    this.#core.flush();
  }

  /** The host wrote `sizeBytes` of guest RAM at a guest-physical address. */
  flushCodeRange(address: number, sizeBytes: number): void {
    if (sizeBytes <= 0 || address < RAM_BASE) return;
    const first = Math.floor(address / PAGE_BYTES);
    const last = Math.floor((address + sizeBytes - 1) / PAGE_BYTES);
    this.#core.flushRange(first, last - first + 1);
  }

  /** The architectural state, a fresh object. Does not change the core. */
  save(): CpuState {
    return { ...readState(this.#memory), mcycle: BigInt.asUintN(64, this.#core.cycles()) };
  }

  /** Replaces the state. The power-on state of a machine with an SBI of its own is in supervisor mode. */
  load(state: CpuState): void {
    writeState(this.#memory, state === CPU_RESET && this.#sbi ? CPU_SBI_RESET : state);
    this.#core.restored();
  }
}
