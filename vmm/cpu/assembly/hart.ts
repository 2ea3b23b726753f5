/**
 * State of the hart that is derived, not architectural: cached so that the fast paths need not look at
 * CSRs. Rebuilt by `updateContext` whenever privilege, mstatus or satp change, and after a restore.
 */
import { TLB_CONTEXT_BYTES, TLB_OFFSET } from '../memory-map';
import { MCOUNTINHIBIT, MINSTRET, MSTATUS, PRIV, SATP } from '../state-layout';

export const USER: u32 = 0;
export const SUPERVISOR: u32 = 1;
export const MACHINE: u32 = 3;

export const STATUS_SIE: u64 = 1 << 1;
export const STATUS_MIE: u64 = 1 << 3;
export const STATUS_SPIE: u64 = 1 << 5;
export const STATUS_MPIE: u64 = 1 << 7;
export const STATUS_SPP: u64 = 1 << 8;
export const STATUS_MPP_SHIFT: u64 = 11;
export const STATUS_MPP: u64 = 3 << 11;
export const STATUS_FS: u64 = 3 << 13;
export const STATUS_MPRV: u64 = 1 << 17;
export const STATUS_SUM: u64 = 1 << 18;
export const STATUS_MXR: u64 = 1 << 19;
export const STATUS_TVM: u64 = 1 << 20;
export const STATUS_TW: u64 = 1 << 21;
export const STATUS_TSR: u64 = 1 << 22;

/** What a slow operation asks of the execution loop. */
export const NEXT: i32 = 0; // go on behind this instruction
export const AGAIN: i32 = 1; // dispatch the same slot again
export const LEAVE: i32 = 2; // go on at `nextPc`, after looking at interrupts and stop requests
export const WAIT: i32 = 3; // WFI with nothing pending: return to the host, resume at `nextPc`
export const SBI_CALL: i32 = 4; // ecall for the host to answer; `nextPc` is the ecall itself
export const STAND_IN: i32 = 5; // dispatch `standIn` in the place of this slot

/** Fixed at start. */
export let sbi: bool = false;
export let hartId: u64 = 0;
export let ramBytes: u64 = 0;

/** Something happened that the loop must look at before it goes on: interrupt, stop, changed code. */
export let attention: bool = false;
export let nextPc: u64 = 0;

/** A uop outside its page: that of an instruction across two pages. */
export let standIn: u32 = 0;

/** Translation contexts in use: TLB base for data and for code, privilege of data accesses. */
export let dataTlb: u32 = TLB_OFFSET;
export let codeTlb: u32 = TLB_OFFSET;
export let dataPrivilege: u32 = MACHINE;
/** True when mstatus.FS is Dirty: floating-point registers may be used without further ado. */
export let floatReady: bool = false;

export function setOptions(withSbi: bool, hart: u32, ramSize: u64): void {
  sbi = withSbi;
  hartId = hart;
  ramBytes = ramSize;
}

export function setAttention(value: bool): void {
  attention = value;
}

export function setNextPc(value: u64): void {
  nextPc = value;
}

export function setStandIn(uop: u32): void {
  standIn = uop;
}

export function privilege(): u32 {
  return load<u32>(PRIV);
}

export function status(): u64 {
  return load<u64>(MSTATUS);
}

/** True when addresses of `mode` go through Sv39. */
export function isPaged(mode: u32): bool {
  return mode != MACHINE && load<u64>(SATP) >> 60 != 0;
}

/** Contexts: 0 user, 1 supervisor, 2 supervisor with access to user pages, 3 machine. */
export function updateContext(): void {
  const bits = status();
  const mode = privilege();
  codeTlb = TLB_OFFSET + mode * TLB_CONTEXT_BYTES;
  dataPrivilege =
    mode == MACHINE && (bits & STATUS_MPRV) != 0 ? <u32>((bits & STATUS_MPP) >> STATUS_MPP_SHIFT) : mode;
  const context = dataPrivilege == SUPERVISOR && (bits & STATUS_SUM) != 0 ? 2 : dataPrivilege;
  dataTlb = TLB_OFFSET + context * TLB_CONTEXT_BYTES;
  floatReady = (bits & STATUS_FS) == STATUS_FS;
}

/**
 * Retired instructions: minstret in memory, plus what the loop has paid from its budget since `budgetStart`.
 * The loop keeps the budget in a local variable and leaves it here before it calls anything that may look.
 */
let budgetStart: i32 = 0;
export let budgetLeft: i32 = 0;

export function setBudget(left: i32): void {
  budgetLeft = left;
}

/** Pays for something that is not a retired instruction: `amount` leaves the budget, minstret stays. */
@inline
export function charge(amount: i32): void {
  budgetStart -= amount;
  budgetLeft -= amount;
}

/** What the loop has paid for as an instruction did not retire. */
export function unretire(count: i32): void {
  budgetStart -= count;
}

/** Retired instructions, the one under way included. */
export function retired(): u64 {
  const base = load<u64>(MINSTRET);
  return (load<u64>(MCOUNTINHIBIT) & 4) != 0 ? base : base + <u64>(<i64>(budgetStart - budgetLeft));
}

/** Brings minstret in memory up to date; the instruction under way counts as done. */
export function syncRetired(): void {
  store<u64>(MINSTRET, retired());
  budgetStart = budgetLeft;
}

/** Makes minstret count from `value`, whatever was retired before. */
export function setRetired(value: u64): void {
  store<u64>(MINSTRET, value);
  budgetStart = budgetLeft;
}

export function restartBudget(budget: i32): void {
  syncRetired();
  budgetStart = budget;
  budgetLeft = budget;
}
