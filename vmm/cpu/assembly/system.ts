/** The SYSTEM opcode: CSR instructions, ecall, ebreak, trap returns, WFI and sfence.vma. */
import { MIE } from '../state-layout';
import { baseForModify, csrAllowed, csrValue, readCsr, writeCsr } from './csr';
import {
  LEAVE,
  MACHINE,
  NEXT,
  privilege,
  SBI_CALL,
  sbi,
  setAttention,
  setNextPc,
  STATUS_TSR,
  STATUS_TVM,
  STATUS_TW,
  status,
  SUPERVISOR,
  USER,
  WAIT,
} from './hart';
import { fence } from './host';
import { flushAddress, flushAll } from './tlb';
import {
  CAUSE_BREAKPOINT,
  CAUSE_USER_ECALL,
  illegal,
  machineReturn,
  pendingBits,
  refreshTimer,
  supervisorReturn,
  takeTrap,
} from './trap';
import { readX, writeX } from './uop';

const ECALL: u32 = 0x00000073;
const EBREAK_WORD: u32 = 0x00100073;
const SRET: u32 = 0x10200073;
const MRET: u32 = 0x30200073;
const WFI: u32 = 0x10500073;

export function executeEbreak(pc: u64): i32 {
  return takeTrap(CAUSE_BREAKPOINT, pc, pc);
}

function executeEcall(pc: u64): i32 {
  if (sbi && privilege() == SUPERVISOR) {
    setNextPc(pc);
    return SBI_CALL;
  }
  return takeTrap(CAUSE_USER_ECALL + privilege(), 0, pc);
}

/** True when mstatus bit `trap` keeps supervisor mode from an instruction that user mode never has. */
function isBarred(trap: u64): bool {
  const mode = privilege();
  return mode == USER || (mode == SUPERVISOR && (status() & trap) != 0);
}

function executeWfi(instruction: u32, pc: u64): i32 {
  if (isBarred(STATUS_TW)) return illegal(instruction, pc);
  refreshTimer();
  setNextPc(pc + 4);
  if ((pendingBits() & load<u64>(MIE)) == 0) return WAIT;
  setAttention(true);
  return LEAVE;
}

function executeFence(instruction: u32, pc: u64): i32 {
  if (isBarred(STATUS_TVM)) return illegal(instruction, pc);
  const source = (instruction >> 15) & 31;
  if (source == 0) flushAll();
  else flushAddress(readX(source));
  setNextPc(pc + 4);
  return LEAVE;
}

function executeCsr(instruction: u32, pc: u64): i32 {
  const number = instruction >> 20;
  const kind = (instruction >> 12) & 3; // 1 write, 2 set, 3 clear
  const rd = (instruction >> 7) & 31;
  const source = (instruction >> 15) & 31;
  const writes = kind == 1 || source != 0;
  if (!csrAllowed(number, writes)) return illegal(instruction, pc);
  const operand = (instruction & 0x4000) != 0 ? <u64>source : readX(source);
  if (!readCsr(number)) return illegal(instruction, pc);
  const old = csrValue;
  if (writes) {
    const base = baseForModify(number);
    const value = kind == 1 ? operand : kind == 2 ? base | operand : base & ~operand;
    if (!writeCsr(number, value)) return illegal(instruction, pc);
  }
  writeX(rd, old);
  return NEXT;
}

function executeCodeFence(pc: u64): i32 {
  fence();
  setNextPc(pc + 4);
  return LEAVE;
}

export function executeSystem(instruction: u32, pc: u64): i32 {
  if ((instruction & 0x7f) == 0x0f) return executeCodeFence(pc);
  if (((instruction >> 12) & 3) != 0) return executeCsr(instruction, pc);
  switch (instruction) {
    case ECALL: return executeEcall(pc);
    case EBREAK_WORD: return executeEbreak(pc);
    case WFI: return executeWfi(instruction, pc);
    case MRET: return privilege() == MACHINE ? machineReturn() : illegal(instruction, pc);
    case SRET: return isBarred(STATUS_TSR) ? illegal(instruction, pc) : supervisorReturn();
  }
  if ((instruction & 0xfe007fff) == 0x12000073) return executeFence(instruction, pc);
  return illegal(instruction, pc);
}
