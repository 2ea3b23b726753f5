/**
 * Everything the execution loop does not do in line: first decode, TLB misses, SYSTEM, atomics, floating
 * point, traps. One call carries out one uop and says how to go on.
 */
import { executeAmo } from './atomics';
import { decodeSlot, enterCrossing, instructionOf, leaveTo } from './fetch';
import { executeFloat, isFloatOff, markDirty } from './fp';
import { attention, LEAVE, NEXT, setNextPc } from './hart';
import { loaded, loadSlow, storeSlow } from './memory';
import { faultAddress, faultCause } from './mmu';
import {
  AMO,
  COMPRESSED,
  CROSSING,
  DECODE,
  EBREAK,
  FLD,
  FLW,
  FP,
  FSD,
  FSW,
  LB,
  LD,
  LOAD_X0,
  PAGE_END,
  SB,
  SYSTEM,
} from './opcodes';
import { firstOf, isPair } from './pairs';
import { executeEbreak, executeSystem } from './system';
import { illegal, takeTrap } from './trap';
import { frs2, imm, rs1, rs2, setFrd, setRd } from './uop';

const BOX: u64 = 0xffffffff00000000;

function loadFloat(uop: u32, operation: u32, pc: u64): i32 {
  if (isFloatOff()) return illegal(instructionOf(uop, pc), pc);
  const isDouble = operation == FLD;
  if (!loadSlow(rs1(uop) + imm(uop), isDouble ? 8 : 4)) return takeTrap(faultCause, faultAddress, pc);
  setFrd(uop, isDouble ? loaded : loaded | BOX);
  markDirty();
  return NEXT;
}

function loadInteger(uop: u32, operation: u32, pc: u64): i32 {
  const sizeBytes: u32 = 1 << ((operation - LB) & 3);
  if (!loadSlow(rs1(uop) + imm(uop), sizeBytes)) return takeTrap(faultCause, faultAddress, pc);
  let value = loaded;
  if (operation <= LD) {
    const unused = 64 - (sizeBytes << 3);
    value = <u64>((<i64>(value << unused)) >> unused);
  }
  setRd(uop, value);
  return NEXT;
}

function loadNothing(uop: u32, pc: u64): i32 {
  const sizeBytes: u32 = <u32>load<u8>(uop, 1) >> 3;
  return loadSlow(rs1(uop) + imm(uop), sizeBytes) ? NEXT : takeTrap(faultCause, faultAddress, pc);
}

function storeAny(uop: u32, operation: u32, pc: u64): i32 {
  const address = rs1(uop) + imm(uop);
  let isStored: bool;
  if (operation < FSW) {
    isStored = storeSlow(address, 1 << (operation - SB), rs2(uop));
  } else {
    if (isFloatOff()) return illegal(instructionOf(uop, pc), pc);
    isStored = storeSlow(address, operation == FSD ? 8 : 4, frs2(uop));
  }
  return isStored ? NEXT : takeTrap(faultCause, faultAddress, pc);
}

function dispatch(uop: u32, operation: u32, pc: u64): i32 {
  if (operation == DECODE) return decodeSlot(uop, pc);
  if (operation >= LB && operation < FLW) return loadInteger(uop, operation, pc);
  if (operation >= SB && operation <= FSD) return storeAny(uop, operation, pc);
  switch (operation) {
    case FLW:
    case FLD: return loadFloat(uop, operation, pc);
    case FP: return executeFloat(load<u32>(uop, 4), pc);
    case AMO: return executeAmo(load<u32>(uop, 4), pc);
    case SYSTEM: return executeSystem(load<u32>(uop, 4), pc);
    case LOAD_X0: return loadNothing(uop, pc);
    case PAGE_END: return leaveTo(pc);
    case CROSSING: return enterCrossing(uop, pc);
    case EBREAK: return executeEbreak(pc);
  }
  return illegal(load<u32>(uop, 4), pc);
}

/** Carries out the uop. Raised attention (interrupt, stop, changed code) turns NEXT into LEAVE. */
export function executeSlow(uop: u32, pc: u64): i32 {
  let bits: u32 = load<u8>(uop);
  if (isPair(bits)) bits = firstOf(bits);
  const outcome = dispatch(uop, bits & ~COMPRESSED, pc);
  if (outcome != NEXT || !attention) return outcome;
  setNextPc(pc + ((bits & COMPRESSED) != 0 ? 2 : 4));
  return LEAVE;
}
