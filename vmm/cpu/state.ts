/**
 * The architectural state of a hart: what it holds after reset and what travels in a migration stream.
 * Levels of interrupt wires, TLBs and decoded code are not in it: their sources drive or build them again.
 */
import type { Field, StateDescription, StateRecord } from '../state/description.js';
import * as layout from './state-layout.js';

export interface CpuState {
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly pc: bigint;
  /** 0 user, 1 supervisor, 3 machine. */
  readonly priv: bigint;
  readonly mstatus: bigint;
  readonly mtvec: bigint;
  readonly medeleg: bigint;
  readonly mideleg: bigint;
  readonly mie: bigint;
  /** The bits that software set; wires are not state. */
  readonly mip: bigint;
  readonly mcounteren: bigint;
  readonly mcountinhibit: bigint;
  readonly mscratch: bigint;
  readonly mepc: bigint;
  readonly mcause: bigint;
  readonly mtval: bigint;
  readonly menvcfg: bigint;
  readonly stvec: bigint;
  readonly scounteren: bigint;
  readonly senvcfg: bigint;
  readonly sscratch: bigint;
  readonly sepc: bigint;
  readonly scause: bigint;
  readonly stval: bigint;
  readonly satp: bigint;
  readonly stimecmp: bigint;
  readonly fcsr: bigint;
  /** Physical address of the LR reservation, all ones when there is none, and the value it was made on. */
  readonly reservation: bigint;
  readonly reservationValue: bigint;
  readonly mcycle: bigint;
  readonly minstret: bigint;
  readonly pmpcfg: readonly bigint[];
  readonly pmpaddr: readonly bigint[];
}

/** Where each field lies in the CPU state area; arrays are consecutive. */
export const CPU_STATE_PLACES: readonly (readonly [keyof CpuState, number, number])[] = [
  ['x', layout.X, 32],
  ['f', layout.F, 32],
  ['pc', layout.PC, 1],
  ['priv', layout.PRIV, 1],
  ['mstatus', layout.MSTATUS, 1],
  ['mtvec', layout.MTVEC, 1],
  ['medeleg', layout.MEDELEG, 1],
  ['mideleg', layout.MIDELEG, 1],
  ['mie', layout.MIE, 1],
  ['mip', layout.MIP, 1],
  ['mcounteren', layout.MCOUNTEREN, 1],
  ['mcountinhibit', layout.MCOUNTINHIBIT, 1],
  ['mscratch', layout.MSCRATCH, 1],
  ['mepc', layout.MEPC, 1],
  ['mcause', layout.MCAUSE, 1],
  ['mtval', layout.MTVAL, 1],
  ['menvcfg', layout.MENVCFG, 1],
  ['stvec', layout.STVEC, 1],
  ['scounteren', layout.SCOUNTEREN, 1],
  ['senvcfg', layout.SENVCFG, 1],
  ['sscratch', layout.SSCRATCH, 1],
  ['sepc', layout.SEPC, 1],
  ['scause', layout.SCAUSE, 1],
  ['stval', layout.STVAL, 1],
  ['satp', layout.SATP, 1],
  ['stimecmp', layout.STIMECMP, 1],
  ['fcsr', layout.FCSR, 1],
  ['reservation', layout.RESERVATION, 1],
  ['reservationValue', layout.RESERVATION_VALUE, 1],
  ['mcycle', layout.MCYCLE, 1],
  ['minstret', layout.MINSTRET, 1],
  ['pmpcfg', layout.PMPCFG, 2],
  ['pmpaddr', layout.PMPADDR, 16],
];

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Power-on: machine mode at QEMU's reset vector. */
export const CPU_RESET: CpuState = {
  x: Array<bigint>(32).fill(0n),
  f: Array<bigint>(32).fill(0n),
  pc: 0x1000n,
  priv: 3n,
  mstatus: 0n,
  mtvec: 0n,
  medeleg: 0n,
  mideleg: 0n,
  mie: 0n,
  mip: 0n,
  mcounteren: 0n,
  mcountinhibit: 0n,
  mscratch: 0n,
  mepc: 0n,
  mcause: 0n,
  mtval: 0n,
  menvcfg: 0n,
  stvec: 0n,
  scounteren: 0n,
  senvcfg: 0n,
  sscratch: 0n,
  sepc: 0n,
  scause: 0n,
  stval: 0n,
  satp: 0n,
  stimecmp: ALL_ONES,
  fcsr: 0n,
  reservation: ALL_ONES,
  reservationValue: 0n,
  mcycle: 0n,
  minstret: 0n,
  pmpcfg: [0n, 0n],
  pmpaddr: Array<bigint>(16).fill(0n),
};

/**
 * What firmware leaves behind when it enters supervisor mode, for machines whose SBI is the VMM: everything
 * but the SBI call itself goes to the supervisor, all memory is open, Sstc and the counters are enabled.
 */
export const CPU_SBI_RESET: CpuState = {
  ...CPU_RESET,
  priv: 1n,
  medeleg: 0xb1ffn,
  mideleg: 0x222n,
  mcounteren: 7n,
  // As OpenSBI: Linux leaves it alone where there is no SBI PMU, and a C library reads the time by it.
  scounteren: 7n,
  menvcfg: 1n << 63n,
  pmpcfg: [0x1fn, 0n],
  pmpaddr: CPU_RESET.pmpaddr.map((_, index) => (index === 0 ? 0x3f_ffff_ffff_ffffn : 0n)),
};

/** Bits that may be set in a field: what a write to the register could have left there. */
const WRITABLE: Partial<Record<keyof CpuState, bigint>> = {
  mstatus: 0x7e79aan,
  medeleg: 0xb3ffn,
  mideleg: 0x222n,
  mie: 0xaaan,
  mip: 0x222n,
  mcounteren: 0xffff_ffffn,
  mcountinhibit: 5n,
  menvcfg: (1n << 63n) | 1n,
  scounteren: 0xffff_ffffn,
  senvcfg: 1n,
  mtvec: ALL_ONES ^ 2n,
  stvec: ALL_ONES ^ 2n,
  mepc: ALL_ONES ^ 1n,
  sepc: ALL_ONES ^ 1n,
  pc: ALL_ONES ^ 1n,
  fcsr: 0xffn,
  pmpcfg: 0x9f9f_9f9f_9f9f_9f9fn,
  pmpaddr: 0x3f_ffff_ffff_ffffn,
};

function validate(state: CpuState): string | null {
  for (const [name, mask] of Object.entries(WRITABLE) as [keyof CpuState, bigint][]) {
    for (const value of [state[name]].flat() as bigint[]) {
      if ((value & ~mask) !== 0n) return `${name} has bits that cannot be set: 0x${value.toString(16)}`;
    }
  }
  if (![0n, 1n, 3n].includes(state.priv)) return `priv is ${state.priv}, expected 0, 1 or 3`;
  if (((state.mstatus >> 11n) & 3n) === 2n) return 'mstatus.MPP is 2, which is no privilege mode';
  if (![0n, 8n].includes(state.satp >> 60n)) return `satp mode is ${state.satp >> 60n}, expected 0 or 8`;
  if (state.x[0] !== 0n) return `x[0] is ${state.x[0]}, expected 0`;
  return null;
}

const FIELDS: readonly Field[] = CPU_STATE_PLACES.map(([name, , count]) =>
  count === 1 ? { name, type: 'uint64' } : { name, type: 'uint64', count },
);

export const CPU_STATE: StateDescription<CpuState> = {
  name: 'cpu',
  version: 1,
  minimumVersion: 1,
  fields: FIELDS,
  reset: CPU_RESET,
  validate,
};

/** Writes a state into the CPU state area. */
export function writeState(memory: DataView, state: CpuState): void {
  const record = state as unknown as StateRecord;
  for (const [name, offset, count] of CPU_STATE_PLACES) {
    const values = [record[name]].flat() as bigint[];
    for (let i = 0; i < count; i++) memory.setBigUint64(offset + 8 * i, values[i] ?? 0n, true);
  }
}

/** Reads the CPU state area as it is. */
export function readState(memory: DataView): CpuState {
  const read = (offset: number) => memory.getBigUint64(offset, true);
  return Object.fromEntries(
    CPU_STATE_PLACES.map(([name, offset, count]) => [
      name,
      count === 1 ? read(offset) : Array.from({ length: count }, (_, i) => read(offset + 8 * i)),
    ]),
  ) as unknown as CpuState;
}
