/**
 * Platform-level interrupt controller, compatible "sifive,plic-1.0.0", with the size of QEMU's `virt`
 * machine: 96 sources of which 0 does not exist, 3 priority bits, two contexts (M and S of hart 0).
 * Sources are level-triggered: a gateway forwards a request once and again only after completion; a wire
 * that falls does not take a forwarded request back. Specification: RISC-V PLIC 1.0.0.
 */
import type { StateDescription } from '../state/description.js';
import type { GuestErrors, IrqLine, MmioDevice, StatefulDevice } from './device.js';

const PRIORITY = 0x000000; // RW  one word per source
const PENDING = 0x001000; // RO  one bit per source
const ENABLE = 0x002000; // RW  one bit per source, ENABLE_STRIDE per context
const CONTEXT = 0x200000; // CONTEXT_STRIDE per context: threshold RW, then claim (read) / complete (write)

const ENABLE_STRIDE = 0x80;
const CONTEXT_STRIDE = 0x1000;
const CLAIM_OFFSET = 4;

export const PLIC_SOURCES = 96;
const WORDS = PLIC_SOURCES / 32;
const MAX_PRIORITY = 7;
const CONTEXTS = 2;

export interface PlicState {
  readonly source_priority: readonly number[];
  readonly target_priority: readonly number[];
  readonly pending: readonly number[];
  readonly claimed: readonly number[];
  readonly enable: readonly number[];
}

const zeros = (count: number): readonly number[] => new Array<number>(count).fill(0);

export const PLIC_RESET: PlicState = {
  source_priority: zeros(PLIC_SOURCES),
  target_priority: zeros(CONTEXTS),
  pending: zeros(WORDS),
  claimed: zeros(WORDS),
  enable: zeros(CONTEXTS * WORDS),
};

export const PLIC_STATE: StateDescription<PlicState> = {
  name: 'riscv_sifive_plic',
  version: 1,
  minimumVersion: 1,
  fields: [
    { name: 'source_priority', type: 'uint32', count: PLIC_SOURCES },
    { name: 'target_priority', type: 'uint32', count: CONTEXTS },
    { name: 'pending', type: 'uint32', count: WORDS },
    { name: 'claimed', type: 'uint32', count: WORDS },
    { name: 'enable', type: 'uint32', count: CONTEXTS * WORDS },
  ],
  reset: PLIC_RESET,
  validate: (state) => {
    const priorities = [...state.source_priority, ...state.target_priority];
    const wrong = priorities.find((priority) => priority > MAX_PRIORITY);
    return wrong === undefined ? null : `priorities go up to ${MAX_PRIORITY}, got ${wrong}`;
  },
};

/** What the contexts' outputs are wired to. */
export interface PlicOutputs {
  readonly meip: IrqLine;
  readonly seip: IrqLine;
}

export class Plic implements MmioDevice, StatefulDevice<PlicState> {
  readonly #outputs: readonly IrqLine[];
  readonly #errors: GuestErrors;
  readonly #priority: Uint32Array;
  readonly #threshold: Uint32Array;
  readonly #pending: Uint32Array;
  readonly #claimed: Uint32Array;
  readonly #enable: Uint32Array;
  /** Wires are not state: devices set theirs when they are built. */
  readonly #level = new Uint32Array(WORDS);

  constructor(outputs: PlicOutputs, errors: GuestErrors, state: PlicState = PLIC_RESET) {
    this.#outputs = [outputs.meip, outputs.seip];
    this.#errors = errors;
    this.#priority = Uint32Array.from(state.source_priority);
    this.#threshold = Uint32Array.from(state.target_priority);
    this.#pending = Uint32Array.from(state.pending);
    this.#claimed = Uint32Array.from(state.claimed);
    this.#enable = Uint32Array.from(state.enable);
    this.#update();
  }

  /** The wire of one source. */
  line(source: number): IrqLine {
    if (source < 1 || source >= PLIC_SOURCES) throw new RangeError(`no interrupt source ${source}`);
    return { set: (level) => this.#setLevel(source, level) };
  }

  read(offset: number): number {
    const target = decode(offset);
    switch (target?.register) {
      case 'priority':
        return this.#priority[target.index] ?? 0;
      case 'pending':
        return this.#pending[target.index] ?? 0;
      case 'enable':
        return this.#enable[target.index] ?? 0;
      case 'threshold':
        return this.#threshold[target.index] ?? 0;
      case 'claim':
        return this.#claim(target.index);
      default:
        this.#errors.invalidRead('plic', offset);
        return 0;
    }
  }

  write(offset: number, _width: number, value: number): void {
    const target = decode(offset);
    switch (target?.register) {
      case 'priority':
        this.#priority[target.index] = value & MAX_PRIORITY;
        break;
      case 'enable':
        this.#enable[target.index] = target.index % WORDS === 0 ? value & ~1 : value;
        break;
      case 'threshold':
        this.#threshold[target.index] = value & MAX_PRIORITY;
        break;
      case 'claim':
        this.#complete(target.index, value);
        break;
      default:
        this.#errors.invalidWrite('plic', offset, value);
        return;
    }
    this.#update();
  }

  save(): PlicState {
    return {
      source_priority: [...this.#priority],
      target_priority: [...this.#threshold],
      pending: [...this.#pending],
      claimed: [...this.#claimed],
      enable: [...this.#enable],
    };
  }

  #setLevel(source: number, level: boolean): void {
    if (hasBit(this.#level, source) === level) return;
    setBit(this.#level, source, level);
    if (level && !hasBit(this.#claimed, source)) {
      setBit(this.#pending, source, true);
      this.#update();
    }
  }

  #claim(context: number): number {
    const source = this.#best(context, 0);
    if (source === 0) return 0;
    setBit(this.#pending, source, false);
    setBit(this.#claimed, source, true);
    this.#update();
    return source;
  }

  /** Ignored, as the specification says, for a source that is not enabled for the context. */
  #complete(context: number, source: number): void {
    if (source >= PLIC_SOURCES || !this.#isEnabled(context, source)) return;
    setBit(this.#claimed, source, false);
    if (hasBit(this.#level, source)) setBit(this.#pending, source, true);
  }

  /** The pending, enabled source of the highest priority above `threshold`; the lowest number wins a tie. */
  #best(context: number, threshold: number): number {
    let best = 0;
    let bestPriority = threshold;
    for (let word = 0; word < WORDS; word++) {
      let bits = (this.#pending[word] ?? 0) & ~(this.#claimed[word] ?? 0);
      bits &= this.#enable[context * WORDS + word] ?? 0;
      for (; bits !== 0; bits &= bits - 1) {
        const source = word * 32 + 31 - Math.clz32(bits & -bits);
        const priority = this.#priority[source] ?? 0;
        if (priority > bestPriority) {
          best = source;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  #isEnabled(context: number, source: number): boolean {
    return (((this.#enable[context * WORDS + (source >> 5)] ?? 0) >>> (source & 31)) & 1) === 1;
  }

  #update(): void {
    this.#outputs.forEach((output, context) => {
      output.set(this.#best(context, this.#threshold[context] ?? 0) !== 0);
    });
  }
}

interface Register {
  readonly register: 'priority' | 'pending' | 'enable' | 'threshold' | 'claim';
  readonly index: number;
}

function decode(offset: number): Register | null {
  if (offset < PRIORITY + 4 * PLIC_SOURCES) {
    return offset === 0 ? null : { register: 'priority', index: offset >> 2 };
  }
  if (offset >= PENDING && offset < PENDING + 4 * WORDS) {
    return { register: 'pending', index: (offset - PENDING) >> 2 };
  }
  if (offset >= ENABLE && offset < ENABLE + CONTEXTS * ENABLE_STRIDE) {
    const context = Math.floor((offset - ENABLE) / ENABLE_STRIDE);
    const word = ((offset - ENABLE) % ENABLE_STRIDE) >> 2;
    return word < WORDS ? { register: 'enable', index: context * WORDS + word } : null;
  }
  if (offset >= CONTEXT && offset < CONTEXT + CONTEXTS * CONTEXT_STRIDE) {
    const index = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    const register = (offset - CONTEXT) % CONTEXT_STRIDE;
    if (register === 0) return { register: 'threshold', index };
    return register === CLAIM_OFFSET ? { register: 'claim', index } : null;
  }
  return null;
}

function hasBit(words: Uint32Array, bit: number): boolean {
  return (((words[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
}

function setBit(words: Uint32Array, bit: number, on: boolean): void {
  const mask = 1 << (bit & 31);
  const word = words[bit >> 5] ?? 0;
  words[bit >> 5] = on ? word | mask : word & ~mask;
}
