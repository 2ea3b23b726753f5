/** The C extension: every compressed instruction is expanded into the uop of its long form. */
import { emit, emitBranch, emitIllegal, emitJump, emitJumpRegister, emitLoad, emitValue } from './decode';
import {
  ADD,
  ADDI,
  ADDIW,
  ADDW,
  AND,
  ANDI,
  EBREAK,
  FLD,
  FSD,
  LD,
  LI,
  LW,
  MV,
  OR,
  SD,
  SLLI,
  SRAI,
  SRLI,
  SUB,
  SUBW,
  SW,
  XOR,
} from './opcodes';

const RA: u32 = 1;
const SP: u32 = 2;

/** Bits of the instruction from `from` (lowest) on, `count` wide, moved to bit `to`. */
@inline
function field(instruction: u32, from: u32, count: u32, to: u32): u32 {
  return ((instruction >> from) & ((1 << count) - 1)) << to;
}

function signed(value: u32, bits: u32): i32 {
  return (<i32>value << (32 - bits)) >> (32 - bits);
}

/** imm[5] in bit 12, imm[4:0] in bits 6..2. */
function immediate6(instruction: u32): i32 {
  return signed(field(instruction, 12, 1, 5) | field(instruction, 2, 5, 0), 6);
}

/** Registers x8..x15. */
function shortRegister(instruction: u32, from: u32): u32 {
  return 8 + ((instruction >> from) & 7);
}

/** The immediate of a quadrant-0 access of 4 or 8 bytes. */
function offset0(instruction: u32, isDouble: bool): i32 {
  const middle = field(instruction, 10, 3, 3);
  if (isDouble) return middle | field(instruction, 5, 2, 6);
  return middle | field(instruction, 6, 1, 2) | field(instruction, 5, 1, 6);
}

function decodeQuadrant0(instruction: u32): void {
  const base = shortRegister(instruction, 7);
  const other = shortRegister(instruction, 2);
  switch (instruction >> 13) {
    case 0: {
      const immediate =
        field(instruction, 11, 2, 4) |
        field(instruction, 7, 4, 6) |
        field(instruction, 6, 1, 2) |
        field(instruction, 5, 1, 3);
      if (immediate == 0) emitIllegal(instruction);
      else emitValue(ADDI, other, SP, 0, immediate);
      return;
    }
    case 1: emitLoad(FLD, other, base, offset0(instruction, true), 0); return;
    case 2: emitLoad(LW, other, base, offset0(instruction, false), 4); return;
    case 3: emitLoad(LD, other, base, offset0(instruction, true), 8); return;
    case 5: emit(FSD, 0, base, other, offset0(instruction, true)); return;
    case 6: emit(SW, 0, base, other, offset0(instruction, false)); return;
    case 7: emit(SD, 0, base, other, offset0(instruction, true)); return;
  }
  emitIllegal(instruction);
}

function jumpDistance(instruction: u32): i32 {
  const value =
    field(instruction, 12, 1, 11) |
    field(instruction, 11, 1, 4) |
    field(instruction, 9, 2, 8) |
    field(instruction, 8, 1, 10) |
    field(instruction, 7, 1, 6) |
    field(instruction, 6, 1, 7) |
    field(instruction, 3, 3, 1) |
    field(instruction, 2, 1, 5);
  return signed(value, 12);
}

function branchDistance(instruction: u32): i32 {
  const value =
    field(instruction, 12, 1, 8) |
    field(instruction, 10, 2, 3) |
    field(instruction, 5, 2, 6) |
    field(instruction, 3, 2, 1) |
    field(instruction, 2, 1, 5);
  return signed(value, 9);
}

/** c.lui and c.addi16sp. */
function decodeUpper(instruction: u32, rd: u32): void {
  const immediate = immediate6(instruction);
  if (immediate == 0) {
    emitIllegal(instruction);
  } else if (rd == SP) {
    const value =
      field(instruction, 12, 1, 9) |
      field(instruction, 6, 1, 4) |
      field(instruction, 5, 1, 6) |
      field(instruction, 3, 2, 7) |
      field(instruction, 2, 1, 5);
    emitValue(ADDI, SP, SP, 0, signed(value, 10));
  } else {
    emitValue(LI, rd, 0, 0, immediate << 12);
  }
}

/** Shifts, c.andi, and the register-register forms of quadrant 1. */
function decodeArithmetic(instruction: u32): void {
  const rd = shortRegister(instruction, 7);
  const other = shortRegister(instruction, 2);
  switch ((instruction >> 10) & 3) {
    case 0: emitValue(SRLI, rd, rd, 0, immediate6(instruction) & 63); return;
    case 1: emitValue(SRAI, rd, rd, 0, immediate6(instruction) & 63); return;
    case 2: emitValue(ANDI, rd, rd, 0, immediate6(instruction)); return;
  }
  switch (field(instruction, 12, 1, 2) | field(instruction, 5, 2, 0)) {
    case 0: emitValue(SUB, rd, rd, other, 0); return;
    case 1: emitValue(XOR, rd, rd, other, 0); return;
    case 2: emitValue(OR, rd, rd, other, 0); return;
    case 3: emitValue(AND, rd, rd, other, 0); return;
    case 4: emitValue(SUBW, rd, rd, other, 0); return;
    case 5: emitValue(ADDW, rd, rd, other, 0); return;
  }
  emitIllegal(instruction);
}

function decodeQuadrant1(instruction: u32): void {
  const rd = (instruction >> 7) & 31;
  switch (instruction >> 13) {
    case 0: emitValue(ADDI, rd, rd, 0, immediate6(instruction)); return;
    case 1:
      if (rd == 0) emitIllegal(instruction);
      else emitValue(ADDIW, rd, rd, 0, immediate6(instruction));
      return;
    case 2: emitValue(LI, rd, 0, 0, immediate6(instruction)); return;
    case 3: decodeUpper(instruction, rd); return;
    case 4: decodeArithmetic(instruction); return;
    case 5: emitJump(0, jumpDistance(instruction)); return;
  }
  emitBranch((instruction >> 13) & 1, shortRegister(instruction, 7), 0, branchDistance(instruction));
}

/** Stack-relative loads: offset of 4 or 8 byte accesses. */
function stackLoadOffset(instruction: u32, isDouble: bool): i32 {
  const high = field(instruction, 12, 1, 5);
  if (isDouble) return high | field(instruction, 5, 2, 3) | field(instruction, 2, 3, 6);
  return high | field(instruction, 4, 3, 2) | field(instruction, 2, 2, 6);
}

function stackStoreOffset(instruction: u32, isDouble: bool): i32 {
  if (isDouble) return field(instruction, 10, 3, 3) | field(instruction, 7, 3, 6);
  return field(instruction, 9, 4, 2) | field(instruction, 7, 2, 6);
}

/** c.jr, c.mv, c.ebreak, c.jalr, c.add. */
function decodeMoveOrJump(instruction: u32, rd: u32, rs2: u32): void {
  const isLinked = (instruction & 0x1000) != 0;
  if (rs2 != 0) {
    if (isLinked) emitValue(ADD, rd, rd, rs2, 0);
    else emitValue(MV, rd, rs2, 0, 0);
  } else if (rd != 0) {
    emitJumpRegister(isLinked ? RA : 0, rd, 0);
  } else if (isLinked) {
    emit(EBREAK, 0, 0, 0, 0);
  } else {
    emitIllegal(instruction);
  }
}

function decodeQuadrant2(instruction: u32): void {
  const rd = (instruction >> 7) & 31;
  const rs2 = (instruction >> 2) & 31;
  const kind = instruction >> 13;
  if ((kind == 2 || kind == 3) && rd == 0) {
    emitIllegal(instruction);
    return;
  }
  switch (kind) {
    case 0: emitValue(SLLI, rd, rd, 0, immediate6(instruction) & 63); return;
    case 1: emitLoad(FLD, rd, SP, stackLoadOffset(instruction, true), 0); return;
    case 2: emitLoad(LW, rd, SP, stackLoadOffset(instruction, false), 4); return;
    case 3: emitLoad(LD, rd, SP, stackLoadOffset(instruction, true), 8); return;
    case 4: decodeMoveOrJump(instruction, rd, rs2); return;
    case 5: emit(FSD, 0, SP, rs2, stackStoreOffset(instruction, true)); return;
    case 6: emit(SW, 0, SP, rs2, stackStoreOffset(instruction, false)); return;
  }
  emit(SD, 0, SP, rs2, stackStoreOffset(instruction, true));
}

export function decodeCompressed(instruction: u32): void {
  switch (instruction & 3) {
    case 0: decodeQuadrant0(instruction); return;
    case 1: decodeQuadrant1(instruction); return;
  }
  decodeQuadrant2(instruction);
}
