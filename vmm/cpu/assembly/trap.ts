/** Traps, trap returns, and interrupts: who gets them and what they leave in the CSRs. */
import {
  MCAUSE,
  MEDELEG,
  MENVCFG,
  MEPC,
  MIDELEG,
  MIE,
  MIP,
  MSTATUS,
  MTVAL,
  MTVEC,
  PRIV,
  RESERVATION,
  SCAUSE,
  SEPC,
  STIMECMP,
  STVAL,
  STVEC,
} from '../state-layout';
import {
  LEAVE,
  MACHINE,
  privilege,
  setAttention,
  setNextPc,
  STATUS_MIE,
  STATUS_MPIE,
  STATUS_MPP,
  STATUS_MPP_SHIFT,
  STATUS_MPRV,
  STATUS_SIE,
  STATUS_SPIE,
  STATUS_SPP,
  status,
  SUPERVISOR,
  unretire,
  updateContext,
  USER,
} from './hart';
import { ticks } from './host';

export const CAUSE_ILLEGAL: u64 = 2;
export const CAUSE_BREAKPOINT: u64 = 3;
export const CAUSE_USER_ECALL: u64 = 8;

const INTERRUPT: u64 = 1 << 63;
export const ENVCFG_STCE: u64 = 1 << 63;
export const IP_SSIP: u64 = 1 << 1;
export const IP_MSIP: u64 = 1 << 3;
export const IP_STIP: u64 = 1 << 5;
export const IP_MTIP: u64 = 1 << 7;
export const IP_SEIP: u64 = 1 << 9;
export const IP_MEIP: u64 = 1 << 11;

/** Levels of the external wires: not state, their owners drive them again after a restore. */
let wires: u64 = 0;
/** Output of the stimecmp comparator when it was last looked at. */
let timerPending: bool = false;

export function setWire(bit: u32, level: u32): void {
  const mask = (<u64>1) << bit;
  wires = level != 0 ? wires | mask : wires & ~mask;
  setAttention(true);
}

export function hasStimecmp(): bool {
  return (load<u64>(MENVCFG) & ENVCFG_STCE) != 0;
}

/** Compares stimecmp with time; `now` is unsigned. */
export function updateTimer(now: u64): void {
  timerPending = hasStimecmp() && now >= load<u64>(STIMECMP);
}

export function refreshTimer(): void {
  updateTimer(<u64>ticks());
}

export function pendingBits(): u64 {
  const soft = load<u64>(MIP) | wires;
  return hasStimecmp() ? (soft & ~IP_STIP) | (timerPending ? IP_STIP : 0) : soft;
}

export function setPrivilege(mode: u32): void {
  store<u64>(PRIV, mode);
  store<u64>(RESERVATION, ~0);
  updateContext();
}

/** Takes an exception or, with INTERRUPT set in `cause`, an interrupt. Sets `nextPc`. */
export function takeTrap(cause: u64, value: u64, pc: u64): i32 {
  const mode = privilege();
  const isInterrupt = (cause & INTERRUPT) != 0;
  if (!isInterrupt) unretire(1); // it was paid for, but does not retire
  const delegated = load<u64>(isInterrupt ? MIDELEG : MEDELEG);
  const toSupervisor = mode != MACHINE && ((delegated >> (cause & 63)) & 1) != 0;
  let bits = status();
  if (toSupervisor) {
    bits = bits & ~(STATUS_SPIE | STATUS_SPP);
    if ((bits & STATUS_SIE) != 0) bits |= STATUS_SPIE;
    if (mode == SUPERVISOR) bits |= STATUS_SPP;
    bits &= ~STATUS_SIE;
    store<u64>(SCAUSE, cause);
    store<u64>(SEPC, pc);
    store<u64>(STVAL, value);
  } else {
    bits = bits & ~(STATUS_MPIE | STATUS_MPP);
    if ((bits & STATUS_MIE) != 0) bits |= STATUS_MPIE;
    bits |= (<u64>mode) << STATUS_MPP_SHIFT;
    bits &= ~STATUS_MIE;
    store<u64>(MCAUSE, cause);
    store<u64>(MEPC, pc);
    store<u64>(MTVAL, value);
  }
  store<u64>(MSTATUS, bits);
  setPrivilege(toSupervisor ? SUPERVISOR : MACHINE);
  const vector = load<u64>(toSupervisor ? STVEC : MTVEC);
  const isVectored = isInterrupt && (vector & 1) != 0;
  setNextPc((vector & ~3) + (isVectored ? (cause & 63) << 2 : 0));
  return LEAVE;
}

export function illegal(instruction: u32, pc: u64): i32 {
  return takeTrap(CAUSE_ILLEGAL, instruction, pc);
}

function leaveTrap(mode: u32, bits: u64, pc: u64): i32 {
  store<u64>(MSTATUS, mode == MACHINE ? bits : bits & ~STATUS_MPRV);
  setPrivilege(mode);
  setNextPc(pc);
  setAttention(true);
  return LEAVE;
}

export function machineReturn(): i32 {
  let bits = status();
  const mode = <u32>((bits & STATUS_MPP) >> STATUS_MPP_SHIFT);
  const enable = (bits & STATUS_MPIE) != 0;
  bits = (bits & ~(STATUS_MIE | STATUS_MPP)) | STATUS_MPIE;
  return leaveTrap(mode, enable ? bits | STATUS_MIE : bits, load<u64>(MEPC));
}

export function supervisorReturn(): i32 {
  let bits = status();
  const mode = (bits & STATUS_SPP) != 0 ? SUPERVISOR : USER;
  const enable = (bits & STATUS_SPIE) != 0;
  bits = (bits & ~(STATUS_SIE | STATUS_SPP)) | STATUS_SPIE;
  return leaveTrap(mode, enable ? bits | STATUS_SIE : bits, load<u64>(SEPC));
}

/** The interrupts that would be taken now, at the highest level that has any. */
function takeable(): u64 {
  const pending = pendingBits() & load<u64>(MIE);
  if (pending == 0) return 0;
  const mode = privilege();
  const bits = status();
  const delegated = load<u64>(MIDELEG);
  const forMachine = pending & ~delegated;
  if (forMachine != 0 && (mode < MACHINE || (bits & STATUS_MIE) != 0)) return forMachine;
  const forSupervisor = pending & delegated;
  if (mode < SUPERVISOR || (mode == SUPERVISOR && (bits & STATUS_SIE) != 0)) return forSupervisor;
  return 0;
}

/** Takes the interrupt of the highest priority, if one is due. True when `nextPc` is its handler. */
export function takeInterrupt(pc: u64): bool {
  const due = takeable();
  if (due == 0) return false;
  let number: u64 = 0;
  if ((due & IP_MEIP) != 0) number = 11;
  else if ((due & IP_MSIP) != 0) number = 3;
  else if ((due & IP_MTIP) != 0) number = 7;
  else if ((due & IP_SEIP) != 0) number = 9;
  else if ((due & IP_SSIP) != 0) number = 1;
  else number = 5;
  takeTrap(INTERRUPT | number, 0, pc);
  return true;
}
