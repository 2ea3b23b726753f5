/**
 * The F and D extensions, all but loads and stores: NaN boxing, rounding modes, flags, mstatus.FS, sign
 * injection and moves. The arithmetic is in softfloat/.
 */
import { FCSR, MSTATUS } from '../state-layout';
import { floatReady, NEXT, STATUS_FS, status, updateContext } from './hart';
import {
  f32_add,
  f32_class,
  f32_div,
  f32_eq,
  f32_fma,
  f32_le,
  f32_lt,
  f32_max,
  f32_min,
  f32_mul,
  f32_sqrt,
  f32_sub,
  f32_to_f64,
  f32_to_i32,
  f32_to_i64,
  f32_to_u32,
  f32_to_u64,
  f64_add,
  f64_class,
  f64_div,
  f64_eq,
  f64_fma,
  f64_le,
  f64_lt,
  f64_max,
  f64_min,
  f64_mul,
  f64_sqrt,
  f64_sub,
  f64_to_f32,
  f64_to_i32,
  f64_to_i64,
  f64_to_u32,
  f64_to_u64,
  i32_to_f32,
  i32_to_f64,
  i64_to_f32,
  i64_to_f64,
  takeFlags,
  u32_to_f32,
  u32_to_f64,
  u64_to_f32,
  u64_to_f64,
} from './softfloat/index';
import { illegal } from './trap';
import { readF, readX, writeF, writeX } from './uop';

const BOX: u64 = 0xffffffff00000000;
const CANONICAL_NAN32: u32 = 0x7fc00000;
const SIGN32: u32 = 0x80000000;
const SIGN64: u64 = 0x8000000000000000;
const DYNAMIC: u32 = 7;

/** Marks the floating-point state as changed. */
export function markDirty(): void {
  if (floatReady) return;
  store<u64>(MSTATUS, status() | STATUS_FS);
  updateContext();
}

export function isFloatOff(): bool {
  return (status() & STATUS_FS) == 0;
}

/** A single from a register: anything not boxed reads as the canonical NaN. */
function single(index: u32): u32 {
  const bits = readF(index);
  return bits >= BOX ? <u32>bits : CANONICAL_NAN32;
}

function setSingle(index: u32, value: u32): i32 {
  writeF(index, BOX | <u64>value);
  markDirty();
  return NEXT;
}

function setDouble(index: u32, value: u64): i32 {
  writeF(index, value);
  markDirty();
  return NEXT;
}

function setInteger(index: u32, value: u64): i32 {
  writeX(index, value);
  return NEXT;
}

function collectFlags(): void {
  const flags = takeFlags();
  if (flags == 0) return;
  store<u64>(FCSR, load<u64>(FCSR) | flags);
  markDirty();
}

/** The rounding mode of an instruction, with DYN resolved. Above 4: reserved. */
function roundingMode(instruction: u32): u32 {
  const field = (instruction >> 12) & 7;
  return field == DYNAMIC ? <u32>((load<u64>(FCSR) >> 5) & 7) : field;
}

function single3(instruction: u32, rm: u32, negateProduct: bool, negateAddend: bool): i32 {
  let a = single((instruction >> 15) & 31);
  let c = single(instruction >> 27);
  if (negateProduct) a ^= SIGN32;
  if (negateAddend) c ^= SIGN32;
  return setSingle((instruction >> 7) & 31, f32_fma(a, single((instruction >> 20) & 31), c, rm));
}

function double3(instruction: u32, rm: u32, negateProduct: bool, negateAddend: bool): i32 {
  let a = readF((instruction >> 15) & 31);
  let c = readF(instruction >> 27);
  if (negateProduct) a ^= SIGN64;
  if (negateAddend) c ^= SIGN64;
  return setDouble((instruction >> 7) & 31, f64_fma(a, readF((instruction >> 20) & 31), c, rm));
}

/** fmadd 0x43, fmsub 0x47, fnmsub 0x4b, fnmadd 0x4f. */
function fused(instruction: u32, pc: u64): i32 {
  const rm = roundingMode(instruction);
  const format = (instruction >> 25) & 3;
  if (rm > 4 || format > 1) return illegal(instruction, pc);
  const kind = (instruction >> 2) & 3;
  const negateProduct = kind >= 2;
  const negateAddend = kind == 1 || kind == 3;
  return format == 0
    ? single3(instruction, rm, negateProduct, negateAddend)
    : double3(instruction, rm, negateProduct, negateAddend);
}

function arithmetic32(operation: u32, instruction: u32, rm: u32): i32 {
  const rd = (instruction >> 7) & 31;
  const a = single((instruction >> 15) & 31);
  const b = single((instruction >> 20) & 31);
  switch (operation) {
    case 0: return setSingle(rd, f32_add(a, b, rm));
    case 1: return setSingle(rd, f32_sub(a, b, rm));
    case 2: return setSingle(rd, f32_mul(a, b, rm));
    case 3: return setSingle(rd, f32_div(a, b, rm));
  }
  return setSingle(rd, f32_sqrt(a, rm));
}

function arithmetic64(operation: u32, instruction: u32, rm: u32): i32 {
  const rd = (instruction >> 7) & 31;
  const a = readF((instruction >> 15) & 31);
  const b = readF((instruction >> 20) & 31);
  switch (operation) {
    case 0: return setDouble(rd, f64_add(a, b, rm));
    case 1: return setDouble(rd, f64_sub(a, b, rm));
    case 2: return setDouble(rd, f64_mul(a, b, rm));
    case 3: return setDouble(rd, f64_div(a, b, rm));
  }
  return setDouble(rd, f64_sqrt(a, rm));
}

function arithmetic(operation: u32, instruction: u32, isDouble: bool, pc: u64): i32 {
  const rm = roundingMode(instruction);
  const isBadRoot = operation == 11 && ((instruction >> 20) & 31) != 0;
  if (rm > 4 || isBadRoot) return illegal(instruction, pc);
  return isDouble ? arithmetic64(operation, instruction, rm) : arithmetic32(operation, instruction, rm);
}

function injectSign(instruction: u32, isDouble: bool, pc: u64): i32 {
  const kind = (instruction >> 12) & 7;
  if (kind > 2) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  const other = (instruction >> 20) & 31;
  if (isDouble) {
    const a = readF(from);
    const b = readF(other);
    const sign = kind == 0 ? b : kind == 1 ? ~b : a ^ b;
    return setDouble(rd, (a & ~SIGN64) | (sign & SIGN64));
  }
  const a = single(from);
  const b = single(other);
  const sign = kind == 0 ? b : kind == 1 ? ~b : a ^ b;
  return setSingle(rd, (a & ~SIGN32) | (sign & SIGN32));
}

function extreme(instruction: u32, isDouble: bool, pc: u64): i32 {
  const kind = (instruction >> 12) & 7;
  if (kind > 1) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  const other = (instruction >> 20) & 31;
  if (isDouble) {
    const a = readF(from);
    const b = readF(other);
    return setDouble(rd, kind == 0 ? f64_min(a, b) : f64_max(a, b));
  }
  const a = single(from);
  const b = single(other);
  return setSingle(rd, kind == 0 ? f32_min(a, b) : f32_max(a, b));
}

function compare(instruction: u32, isDouble: bool, pc: u64): i32 {
  const kind = (instruction >> 12) & 7;
  if (kind > 2) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  const other = (instruction >> 20) & 31;
  if (isDouble) {
    const a = readF(from);
    const b = readF(other);
    return setInteger(rd, kind == 0 ? f64_le(a, b) : kind == 1 ? f64_lt(a, b) : f64_eq(a, b));
  }
  const a = single(from);
  const b = single(other);
  return setInteger(rd, kind == 0 ? f32_le(a, b) : kind == 1 ? f32_lt(a, b) : f32_eq(a, b));
}

/** fcvt.s.d and fcvt.d.s: bits 24..20 name the source format. */
function convertFormat(instruction: u32, isDouble: bool, pc: u64): i32 {
  const rm = roundingMode(instruction);
  const source = (instruction >> 20) & 31;
  if (rm > 4 || source != (isDouble ? 0 : 1)) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  return isDouble ? setDouble(rd, f32_to_f64(single(from))) : setSingle(rd, f64_to_f32(readF(from), rm));
}

function toInteger(instruction: u32, isDouble: bool, pc: u64): i32 {
  const rm = roundingMode(instruction);
  const kind = (instruction >> 20) & 31;
  if (rm > 4 || kind > 3) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  if (isDouble) {
    const a = readF(from);
    if (kind == 0) return setInteger(rd, f64_to_i32(a, rm));
    if (kind == 1) return setInteger(rd, f64_to_u32(a, rm));
    return setInteger(rd, kind == 2 ? f64_to_i64(a, rm) : f64_to_u64(a, rm));
  }
  const a = single(from);
  if (kind == 0) return setInteger(rd, f32_to_i32(a, rm));
  if (kind == 1) return setInteger(rd, f32_to_u32(a, rm));
  return setInteger(rd, kind == 2 ? f32_to_i64(a, rm) : f32_to_u64(a, rm));
}

function fromInteger(instruction: u32, isDouble: bool, pc: u64): i32 {
  const rm = roundingMode(instruction);
  const kind = (instruction >> 20) & 31;
  if (rm > 4 || kind > 3) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const a = readX((instruction >> 15) & 31);
  if (isDouble) {
    if (kind == 0) return setDouble(rd, i32_to_f64(<i32>a, rm));
    if (kind == 1) return setDouble(rd, u32_to_f64(<u32>a, rm));
    return setDouble(rd, kind == 2 ? i64_to_f64(a, rm) : u64_to_f64(a, rm));
  }
  if (kind == 0) return setSingle(rd, i32_to_f32(<i32>a, rm));
  if (kind == 1) return setSingle(rd, u32_to_f32(<u32>a, rm));
  return setSingle(rd, kind == 2 ? i64_to_f32(a, rm) : u64_to_f32(a, rm));
}

/** fmv.x.w, fmv.x.d and fclass. */
function moveToInteger(instruction: u32, isDouble: bool, pc: u64): i32 {
  const kind = (instruction >> 12) & 7;
  if (kind > 1 || ((instruction >> 20) & 31) != 0) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const from = (instruction >> 15) & 31;
  if (kind == 1) return setInteger(rd, isDouble ? f64_class(readF(from)) : f32_class(single(from)));
  return setInteger(rd, isDouble ? readF(from) : <u64>(<i64>(<i32>readF(from))));
}

/** fmv.w.x and fmv.d.x. */
function moveFromInteger(instruction: u32, isDouble: bool, pc: u64): i32 {
  if (((instruction >> 12) & 7) != 0 || ((instruction >> 20) & 31) != 0) return illegal(instruction, pc);
  const rd = (instruction >> 7) & 31;
  const value = readX((instruction >> 15) & 31);
  return isDouble ? setDouble(rd, value) : setSingle(rd, <u32>value);
}

function operate(instruction: u32, pc: u64): i32 {
  const format = (instruction >> 25) & 3;
  if (format > 1) return illegal(instruction, pc);
  const isDouble = format == 1;
  const operation = instruction >> 27;
  switch (operation) {
    case 0x00: // fadd
    case 0x01: // fsub
    case 0x02: // fmul
    case 0x03: // fdiv
    case 0x0b: return arithmetic(operation, instruction, isDouble, pc); // fsqrt
    case 0x04: return injectSign(instruction, isDouble, pc);
    case 0x05: return extreme(instruction, isDouble, pc);
    case 0x08: return convertFormat(instruction, isDouble, pc);
    case 0x14: return compare(instruction, isDouble, pc);
    case 0x18: return toInteger(instruction, isDouble, pc);
    case 0x1a: return fromInteger(instruction, isDouble, pc);
    case 0x1c: return moveToInteger(instruction, isDouble, pc);
    case 0x1e: return moveFromInteger(instruction, isDouble, pc);
  }
  return illegal(instruction, pc);
}

export function executeFloat(instruction: u32, pc: u64): i32 {
  if (isFloatOff()) return illegal(instruction, pc);
  const outcome = (instruction & 0x7f) == 0x53 ? operate(instruction, pc) : fused(instruction, pc);
  collectFlags();
  return outcome;
}
