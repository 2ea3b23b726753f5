/**
 * Control and status registers. `readCsr` and `writeCsr` know nothing of privilege: `csrAllowed` does.
 * A write legalises its value as QEMU's virt machine does where the specification leaves a choice.
 */
import {
  FCSR,
  MCAUSE,
  MCOUNTEREN,
  MCOUNTINHIBIT,
  MCYCLE,
  MEDELEG,
  MENVCFG,
  MEPC,
  MIDELEG,
  MIE,
  MIP,
  MSCRATCH,
  MSTATUS,
  MTVAL,
  MTVEC,
  PMPADDR,
  PMPCFG,
  SATP,
  SCAUSE,
  SCOUNTEREN,
  SENVCFG,
  SEPC,
  SSCRATCH,
  STIMECMP,
  STVAL,
  STVEC,
} from '../state-layout';
import {
  hartId,
  MACHINE,
  privilege,
  retired,
  setAttention,
  setRetired,
  STATUS_FS,
  STATUS_MIE,
  STATUS_MPIE,
  STATUS_MPP,
  STATUS_MPP_SHIFT,
  STATUS_MPRV,
  STATUS_MXR,
  STATUS_SIE,
  STATUS_SPIE,
  STATUS_SPP,
  STATUS_SUM,
  STATUS_TSR,
  STATUS_TVM,
  STATUS_TW,
  status,
  SUPERVISOR,
  syncRetired,
  updateContext,
  USER,
} from './hart';
import { ticks } from './host';
import { updatePmp } from './pmp';
import { flushAll } from './tlb';
import {
  ENVCFG_STCE,
  hasStimecmp,
  IP_MEIP,
  IP_MSIP,
  IP_MTIP,
  IP_SEIP,
  IP_SSIP,
  IP_STIP,
  pendingBits,
  refreshTimer,
} from './trap';

export const FFLAGS: u32 = 0x001;
export const FRM: u32 = 0x002;
export const FCSR_NUMBER: u32 = 0x003;
const SATP_NUMBER: u32 = 0x180;
const STIMECMP_NUMBER: u32 = 0x14d;

/** RV64 with A C D F I M S U. */
const MISA: u64 = 0x800000000014112d;
const STATUS_SD: u64 = 1 << 63;
/** UXL and SXL: always 64 bits. */
const STATUS_XL: u64 = 0xa00000000;
const STATUS_UXL: u64 = 0x200000000;
const SSTATUS_WRITABLE: u64 = STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_FS | STATUS_SUM | STATUS_MXR;
const MSTATUS_WRITABLE: u64 =
  SSTATUS_WRITABLE |
  STATUS_MIE |
  STATUS_MPIE |
  STATUS_MPP |
  STATUS_MPRV |
  STATUS_TVM |
  STATUS_TW |
  STATUS_TSR;
const SUPERVISOR_INTERRUPTS: u64 = IP_SSIP | IP_STIP | IP_SEIP;
const ALL_INTERRUPTS: u64 = SUPERVISOR_INTERRUPTS | IP_MSIP | IP_MTIP | IP_MEIP;
const DELEGABLE: u64 = 0xb3ff;
const ENVCFG_FIOM: u64 = 1;
const SATP_MODE_SV39: u64 = 8;
const PMP_CONFIG_MASK: u8 = 0x9f;
const PMP_ADDRESS_MASK: u64 = 0x3fffffffffffff;
/** Cycles per tick of the 10 MHz clock: the hart pretends to run at 1 GHz. */
const CYCLES_PER_TICK: u64 = 100;

/** Result of `readCsr`. */
export let csrValue: u64 = 0;

function found(value: u64): bool {
  csrValue = value;
  return true;
}

/** Derived from time, plus an offset that writes adjust; frozen when mcountinhibit says so. */
export function cycles(): u64 {
  const base = load<u64>(MCYCLE);
  return (load<u64>(MCOUNTINHIBIT) & 1) != 0 ? base : base + <u64>ticks() * CYCLES_PER_TICK;
}

export function setCycles(value: u64): void {
  const isFrozen = (load<u64>(MCOUNTINHIBIT) & 1) != 0;
  store<u64>(MCYCLE, isFrozen ? value : value - <u64>ticks() * CYCLES_PER_TICK);
}

function setInhibit(value: u64): void {
  const before = cycles();
  syncRetired();
  store<u64>(MCOUNTINHIBIT, value & 5);
  setCycles(before);
}

/** What an instruction reads: those before it. */
function instructionsBefore(): u64 {
  return (load<u64>(MCOUNTINHIBIT) & 4) != 0 ? retired() : retired() - 1;
}

/** True when mcounteren and scounteren let the current mode read counter `index`. */
function counterEnabled(index: u32): bool {
  const mode = privilege();
  if (mode == MACHINE) return true;
  const bit = (<u64>1) << index;
  if ((load<u64>(MCOUNTEREN) & bit) == 0) return false;
  return mode == SUPERVISOR || (load<u64>(SCOUNTEREN) & bit) != 0;
}

/** Whether the current mode may touch a CSR at all. */
export function csrAllowed(number: u32, isWrite: bool): bool {
  if (((number >> 8) & 3) > privilege()) return false;
  if (isWrite && number >> 10 == 3) return false;
  if (number <= FCSR_NUMBER) return (status() & STATUS_FS) != 0;
  if (number >= 0xc00 && number < 0xc20) return counterEnabled(number - 0xc00);
  if (number == SATP_NUMBER) return privilege() == MACHINE || (status() & STATUS_TVM) == 0;
  if (number == STIMECMP_NUMBER) return privilege() == MACHINE || (hasStimecmp() && counterEnabled(1));
  return true;
}

function statusWithSummary(): u64 {
  const bits = status();
  return (bits & STATUS_FS) == STATUS_FS ? bits | STATUS_SD : bits;
}

function interruptsPending(): u64 {
  refreshTimer();
  return pendingBits();
}

function readUser(number: u32): bool {
  switch (number) {
    case 0x001: return found(load<u64>(FCSR) & 0x1f);
    case 0x002: return found((load<u64>(FCSR) >> 5) & 7);
    case 0x003: return found(load<u64>(FCSR));
    case 0xc00: return found(cycles());
    case 0xc01: return found(<u64>ticks());
    case 0xc02: return found(instructionsBefore());
  }
  return number >= 0xc03 && number <= 0xc1f ? found(0) : false;
}

function readSupervisor(number: u32): bool {
  switch (number) {
    case 0x100: return found((statusWithSummary() & (SSTATUS_WRITABLE | STATUS_SD)) | STATUS_UXL);
    case 0x104: return found(load<u64>(MIE) & load<u64>(MIDELEG));
    case 0x105: return found(load<u64>(STVEC));
    case 0x106: return found(load<u64>(SCOUNTEREN));
    case 0x10a: return found(load<u64>(SENVCFG));
    case 0x140: return found(load<u64>(SSCRATCH));
    case 0x141: return found(load<u64>(SEPC));
    case 0x142: return found(load<u64>(SCAUSE));
    case 0x143: return found(load<u64>(STVAL));
    case 0x144: return found(interruptsPending() & load<u64>(MIDELEG));
    case STIMECMP_NUMBER: return found(load<u64>(STIMECMP));
    case SATP_NUMBER: return found(load<u64>(SATP));
  }
  return false;
}

function readMachine(number: u32): bool {
  switch (number) {
    case 0xf11: // mvendorid
    case 0xf12: // marchid
    case 0xf13: // mimpid
    case 0xf15: return found(0); // mconfigptr
    case 0xf14: return found(hartId);
    case 0x300: return found(statusWithSummary() | STATUS_XL);
    case 0x301: return found(MISA);
    case 0x302: return found(load<u64>(MEDELEG));
    case 0x303: return found(load<u64>(MIDELEG));
    case 0x304: return found(load<u64>(MIE));
    case 0x305: return found(load<u64>(MTVEC));
    case 0x306: return found(load<u64>(MCOUNTEREN));
    case 0x30a: return found(load<u64>(MENVCFG));
    case 0x320: return found(load<u64>(MCOUNTINHIBIT));
    case 0x340: return found(load<u64>(MSCRATCH));
    case 0x341: return found(load<u64>(MEPC));
    case 0x342: return found(load<u64>(MCAUSE));
    case 0x343: return found(load<u64>(MTVAL));
    case 0x344: return found(interruptsPending());
    case 0x3a0: return found(load<u64>(PMPCFG));
    case 0x3a2: return found(load<u64>(PMPCFG, 8));
    case 0xb00: return found(cycles());
    case 0xb02: return found(instructionsBefore());
  }
  if (number >= 0x3b0 && number <= 0x3bf) return found(load<u64>(PMPADDR + ((number - 0x3b0) << 3)));
  if (number >= 0x323 && number <= 0x33f) return found(0); // mhpmevent3..31
  if (number >= 0x7a0 && number <= 0x7a3) return found(0); // tselect, tdata1..3: no triggers
  return number >= 0xb03 && number <= 0xb1f ? found(0) : false; // mhpmcounter3..31
}

/** Reads into `csrValue`; false when there is no such register. */
export function readCsr(number: u32): bool {
  switch ((number >> 8) & 3) {
    case USER: return readUser(number);
    case SUPERVISOR: return readSupervisor(number);
    case MACHINE: return readMachine(number);
  }
  return false;
}

function writeStatus(value: u64, writable: u64): void {
  const before = status();
  if ((value & STATUS_MPP) >> STATUS_MPP_SHIFT == 2) writable &= ~STATUS_MPP;
  const after = (before & ~writable) | (value & writable);
  const changed = before ^ after;
  store<u64>(MSTATUS, after);
  if ((changed & STATUS_MXR) != 0) flushAll();
  if ((changed & STATUS_FS) != 0) updateContext();
  if ((changed & (STATUS_MXR | STATUS_SUM | STATUS_MPRV | STATUS_MPP)) != 0) {
    updateContext();
    setAttention(true);
  }
  if ((changed & after & (STATUS_SIE | STATUS_MIE)) != 0) checkInterrupts();
}

/** Lets the loop look at interrupts when one could be due now. The timer is looked at soon anyway. */
function checkInterrupts(): void {
  if ((pendingBits() & load<u64>(MIE)) != 0) setAttention(true);
}

function writeMasked(offset: u32, value: u64, mask: u64): void {
  store<u64>(offset, (load<u64>(offset) & ~mask) | (value & mask));
  checkInterrupts();
}

function writeVector(offset: u32, value: u64): void {
  if ((value & 3) < 2) store<u64>(offset, value);
}

function writeSatp(value: u64): void {
  const mode = value >> 60;
  if ((mode != 0 && mode != SATP_MODE_SV39) || load<u64>(SATP) == value) return;
  store<u64>(SATP, value);
  flushAll();
  setAttention(true);
}

function writePmpConfig(first: u32, value: u64): void {
  for (let i: u32 = 0; i < 8; i++) {
    const at = PMPCFG + first + i;
    let config = <u8>(value >> (i << 3)) & PMP_CONFIG_MASK;
    if ((load<u8>(at) & 0x80) != 0) continue;
    if ((config & 3) == 2) config &= ~2; // writable but not readable is reserved
    store<u8>(at, config);
  }
  updatePmp();
  flushAll();
  setAttention(true);
}

function writePmpAddress(index: u32, value: u64): void {
  if ((load<u8>(PMPCFG + index) & 0x80) != 0) return;
  const next: u32 = index < 15 ? load<u8>(PMPCFG + index + 1) : 0;
  if ((next & 0x98) == 0x88) return; // a locked TOR entry locks the address below it
  store<u64>(PMPADDR + (index << 3), value & PMP_ADDRESS_MASK);
  updatePmp();
  flushAll();
  setAttention(true);
}

function touchFloat(value: u64, mask: u64): bool {
  store<u64>(FCSR, (load<u64>(FCSR) & ~mask) | (value & mask));
  store<u64>(MSTATUS, status() | STATUS_FS);
  updateContext();
  return true;
}

function writeSupervisor(number: u32, value: u64): bool {
  switch (number) {
    case 0x100: writeStatus(value, SSTATUS_WRITABLE); return true;
    case 0x104: writeMasked(MIE, value, load<u64>(MIDELEG)); return true;
    case 0x105: writeVector(STVEC, value); return true;
    case 0x106: store<u64>(SCOUNTEREN, value & 0xffffffff); return true;
    case 0x10a: store<u64>(SENVCFG, value & ENVCFG_FIOM); return true;
    case 0x140: store<u64>(SSCRATCH, value); return true;
    case 0x141: store<u64>(SEPC, value & ~1); return true;
    case 0x142: store<u64>(SCAUSE, value); return true;
    case 0x143: store<u64>(STVAL, value); return true;
    case 0x144: writeMasked(MIP, value, load<u64>(MIDELEG) & IP_SSIP); return true;
    case STIMECMP_NUMBER:
      store<u64>(STIMECMP, value);
      refreshTimer();
      checkInterrupts();
      return true;
    case SATP_NUMBER: writeSatp(value); return true;
  }
  return false;
}

function writeMachine(number: u32, value: u64): bool {
  switch (number) {
    case 0x300: writeStatus(value, MSTATUS_WRITABLE); return true;
    case 0x301: return true; // misa is fixed
    case 0x302: store<u64>(MEDELEG, value & DELEGABLE); return true;
    case 0x303: writeMasked(MIDELEG, value, SUPERVISOR_INTERRUPTS); return true;
    case 0x304: writeMasked(MIE, value, ALL_INTERRUPTS); return true;
    case 0x305: writeVector(MTVEC, value); return true;
    case 0x306: store<u64>(MCOUNTEREN, value & 0xffffffff); return true;
    case 0x30a:
      store<u64>(MENVCFG, value & (ENVCFG_STCE | ENVCFG_FIOM));
      refreshTimer();
      checkInterrupts();
      return true;
    case 0x320: setInhibit(value); return true;
    case 0x340: store<u64>(MSCRATCH, value); return true;
    case 0x341: store<u64>(MEPC, value & ~1); return true;
    case 0x342: store<u64>(MCAUSE, value); return true;
    case 0x343: store<u64>(MTVAL, value); return true;
    case 0x344:
      writeMasked(MIP, value, hasStimecmp() ? IP_SSIP | IP_SEIP : SUPERVISOR_INTERRUPTS);
      return true;
    case 0x3a0: writePmpConfig(0, value); return true;
    case 0x3a2: writePmpConfig(8, value); return true;
    case 0xb00: setCycles(value); return true;
    case 0xb02: setRetired(value); return true;
  }
  if (number >= 0x3b0 && number <= 0x3bf) {
    writePmpAddress(number - 0x3b0, value);
    return true;
  }
  if (number >= 0x323 && number <= 0x33f) return true;
  if (number >= 0x7a0 && number <= 0x7a3) return true;
  return number >= 0xb03 && number <= 0xb1f;
}

/** Writes a register; false when there is no such writable register. */
export function writeCsr(number: u32, value: u64): bool {
  switch (number) {
    case FFLAGS: return touchFloat(value, 0x1f);
    case FRM: return touchFloat(value << 5, 0xe0);
    case FCSR_NUMBER: return touchFloat(value, 0xff);
  }
  if (((number >> 8) & 3) == SUPERVISOR) return writeSupervisor(number, value);
  return ((number >> 8) & 3) == MACHINE ? writeMachine(number, value) : false;
}

/** The value a set or clear starts from: mip without what only the wires hold. */
export function baseForModify(number: u32): u64 {
  if (number == 0x344 || number == 0x144) return load<u64>(MIP);
  return csrValue;
}
