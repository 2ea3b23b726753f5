/**
 * A core with the least around it: RAM, a power-off register, an NS16550 that is polled, the CLINT's msip and
 * mtimecmp, and a register whose bits are the interrupt wires. Time is not the host's: it goes forward by a fixed
 * step whenever the core asks for it, so that a run is the same each time, and jumps to the deadline in WFI.
 */
import { Core, type CoreHost, type ExitReason, loadCore } from '../../../vmm/cpu/core.js';
import { RAM_OFFSET, wasmPages } from '../../../vmm/cpu/memory-map.js';
import { CPU_RESET, type CpuState } from '../../../vmm/cpu/state.js';
import { PROGRAM_ADDRESS, RAM_BYTES } from './program.js';

const SYSCON = 0x100000;
const CLINT_MSIP = 0x2000000;
const CLINT_MTIMECMP = 0x2004000;
const UART = 0x10000000;
const UART_LSR = 5;
/** Ours: bit 0 msip, 1 mtip, 2 meip, 3 seip. */
const WIRES_ADDRESS = 0x4000;
const WIRES = ['msip', 'mtip', 'meip', 'seip'] as const;

const TICKS_PER_QUESTION = 50;
const SLICE_TICKS = 10_000;
const RUN_DEADLINE_MS = 10_000;

const module = await loadCore();
// One memory for every machine of a process: each reserves gigabytes of addresses and goes only with a collection.
const pages = wasmPages(RAM_BYTES);
const sharedMemory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });

export interface MachineOptions {
  readonly sbi?: boolean;
  readonly state?: CpuState;
  /** Keep what the former machine left in RAM. */
  readonly keepRam?: boolean;
}

export class TestMachine implements CoreHost {
  readonly core: Core;
  readonly ram = new Uint8Array(sharedMemory.buffer, RAM_OFFSET, RAM_BYTES);
  readonly memory = sharedMemory;
  /** Every device access in order: `w4 0x100000 = 0x5555`, `r1 0x10000005`. */
  readonly accesses: string[] = [];
  output = '';
  /** Bytes that the UART has yet to hand to the program. */
  readonly input: number[] = [];
  now = 0;
  poweredOff = false;
  #compare: [number, number] = [0xffffffff, 0xffffffff];

  constructor({ sbi = false, state = CPU_RESET, keepRam = false }: MachineOptions = {}) {
    if (!keepRam) this.ram.fill(0);
    this.core = new Core(module, sharedMemory, this, { sbi, ramSizeBytes: RAM_BYTES, hartId: 0 }, state);
    this.core.flushCode();
  }

  load(bytes: Uint8Array, address = PROGRAM_ADDRESS): void {
    this.ram.set(bytes, address - PROGRAM_ADDRESS);
    this.core.flushCode();
  }

  /** The 64-bit word of RAM at a guest-physical address. */
  dword(address: number | bigint): bigint {
    const offset = Number(address) - PROGRAM_ADDRESS;
    return new DataView(sharedMemory.buffer, RAM_OFFSET, RAM_BYTES).getBigUint64(offset, true);
  }

  /** Runs until power-off; exits that `onExit` does not want to handle itself are handled or refused here. */
  runToEnd(onExit: (reason: ExitReason) => boolean = () => false): void {
    const giveUpAt = performance.now() + RUN_DEADLINE_MS;
    while (!this.poweredOff) {
      const reason = this.core.run(this.now + SLICE_TICKS);
      if (this.poweredOff) return;
      if (!onExit(reason)) this.#afterExit(reason);
      if (performance.now() > giveUpAt) {
        throw new Error(`the program did not end; pc 0x${this.core.pc.toString(16)}`);
      }
    }
  }

  #afterExit(reason: ExitReason): void {
    if (reason === 'slice-end') return;
    if (reason !== 'wfi') throw new Error(`unexpected exit "${reason}" at pc 0x${this.core.pc.toString(16)}`);
    if (this.core.hasPendingInterrupt()) return;
    const next = Math.min(this.core.nextTimerTicks(), this.#compareTicks());
    if (next === Number.POSITIVE_INFINITY || next >= 2 ** 53) {
      throw new Error(`the program waits for ever at pc 0x${this.core.pc.toString(16)}`);
    }
    this.now = Math.max(this.now, next);
    this.#updateTimer();
  }

  ticks(): number {
    this.now += TICKS_PER_QUESTION;
    this.#updateTimer();
    return this.now;
  }

  fence(): void {}

  isMmio(address: number): boolean {
    const at = address >>> 0;
    return [SYSCON, CLINT_MSIP, CLINT_MTIMECMP, UART, WIRES_ADDRESS].some(
      (base) => at >= base && at < base + 8,
    );
  }

  mmioRead(address: number, width: 1 | 2 | 4): number {
    const at = address >>> 0;
    this.accesses.push(`r${width} 0x${at.toString(16)}`);
    if (at === UART + UART_LSR) return this.input.length > 0 ? 0x61 : 0x60;
    if (at === UART) return this.input.shift() ?? 0;
    if (at === CLINT_MTIMECMP) return this.#compare[0] | 0;
    if (at === CLINT_MTIMECMP + 4) return this.#compare[1] | 0;
    return 0;
  }

  mmioWrite(address: number, width: 1 | 2 | 4, value: number): void {
    const at = address >>> 0;
    this.accesses.push(`w${width} 0x${at.toString(16)} = 0x${(value >>> 0).toString(16)}`);
    if (at === SYSCON) {
      this.poweredOff = true;
      this.core.requestStop();
    } else if (at === UART) {
      this.output += String.fromCharCode(value & 0xff);
    } else if (at === CLINT_MSIP) {
      this.core.setInterrupt('msip', (value & 1) !== 0);
    } else if (at === CLINT_MTIMECMP || at === CLINT_MTIMECMP + 4) {
      this.#compare[at === CLINT_MTIMECMP ? 0 : 1] = value >>> 0;
      this.#updateTimer();
    } else if (at === WIRES_ADDRESS) {
      WIRES.forEach((line, bit) => {
        this.core.setInterrupt(line, ((value >>> bit) & 1) !== 0);
      });
    }
  }

  #compareTicks(): number {
    const [low, high] = this.#compare;
    return high === 0xffffffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + low;
  }

  #timerRaised = false;

  #updateTimer(): void {
    const raised = this.now >= this.#compareTicks();
    if (raised === this.#timerRaised) return;
    this.#timerRaised = raised;
    this.core.setInterrupt('mtip', raised);
  }
}
