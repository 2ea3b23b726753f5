/**
 * Decoding: one instruction, when its slot is first reached, into one uop. `decodeSlot` fetches and writes
 * the slot; `decodeWord` and decode-compressed.ts know the encodings. What is not an instruction of this
 * hart becomes ILLEGAL and traps when it is executed.
 */
import { decodeCompressed } from './decode-compressed';
import {
  ADD,
  ADDI,
  ADDIW,
  ADDW,
  AMO,
  AUIPC,
  BEQ,
  BLT,
  BRANCH_FAR,
  DIVW,
  FLD,
  FLW,
  FP,
  FSD,
  FSW,
  ILLEGAL,
  J,
  J_FAR,
  JAL,
  JAL_FAR,
  JALR,
  JR,
  LB,
  LI,
  LOAD_X0,
  MUL,
  MULW,
  MV,
  NOP,
  SB,
  SLL,
  SLLI,
  SLLIW,
  SLLW,
  SRA,
  SRAI,
  SRAIW,
  SRAW,
  SRLI,
  SRLIW,
  SRLW,
  SUB,
  SUBW,
  SYSTEM,
} from './opcodes';

/** Where the uop goes, and the address of its instruction; branches need it to see if they stay inside. */
let slot: u32 = 0;
let offsetInPage: i32 = 0;
let mayBranchInside: bool = true;
let lengthBit: u32 = 0;

export function emit(operation: u32, rd: u32, rs1: u32, rs2: u32, immediate: i32): void {
  store<u32>(slot, operation | lengthBit | (rd << 11) | (rs1 << 19) | (rs2 << 27));
  store<i32>(slot, immediate, 4);
}

export function emitIllegal(instruction: u32): void {
  emit(ILLEGAL, 0, 0, 0, instruction);
}

/** An operation whose only effect is the value of rd: none when rd is x0. */
export function emitValue(operation: u32, rd: u32, rs1: u32, rs2: u32, immediate: i32): void {
  if (rd == 0) emit(NOP, 0, 0, 0, 0);
  else emit(operation, rd, rs1, rs2, immediate);
}

/** `sizeBytes` matters when rd is x0: then only the access itself is left. */
export function emitLoad(operation: u32, rd: u32, rs1: u32, immediate: i32, sizeBytes: u32): void {
  if (rd == 0 && operation < FLW) emit(LOAD_X0, sizeBytes, rs1, 0, immediate);
  else emit(operation, rd, rs1, 0, immediate);
}

function staysInside(distance: i32): bool {
  const target = offsetInPage + distance;
  return mayBranchInside && target >= 0 && target < 0x1000;
}

export function emitBranch(kind: u32, rs1: u32, rs2: u32, distance: i32): void {
  if (!staysInside(distance)) emit(BRANCH_FAR, kind, rs1, rs2, distance);
  else emit(kind < 2 ? BEQ + kind : BLT + (kind - 4), 0, rs1, rs2, distance << 2);
}

export function emitJump(rd: u32, distance: i32): void {
  if (!staysInside(distance)) emit(rd == 0 ? J_FAR : JAL_FAR, rd, 0, 0, distance);
  else emit(rd == 0 ? J : JAL, rd, 0, 0, distance << 2);
}

export function emitJumpRegister(rd: u32, rs1: u32, immediate: i32): void {
  emit(rd == 0 ? JR : JALR, rd, rs1, 0, immediate);
}

function immediateI(instruction: u32): i32 {
  return <i32>instruction >> 20;
}

function immediateS(instruction: u32): i32 {
  return ((<i32>instruction >> 25) << 5) | <i32>((instruction >> 7) & 31);
}

function immediateB(instruction: u32): i32 {
  const high = (<i32>instruction >> 31) << 12;
  const bit11 = (instruction << 4) & 0x800;
  return high | <i32>(bit11 | ((instruction >> 20) & 0x7e0) | ((instruction >> 7) & 0x1e));
}

function immediateJ(instruction: u32): i32 {
  const high = (<i32>instruction >> 31) << 20;
  const bit11 = (instruction >> 9) & 0x800;
  return high | <i32>((instruction & 0xff000) | bit11 | ((instruction >> 20) & 0x7fe));
}

function decodeImmediate(instruction: u32, rd: u32, rs1: u32, kind: u32): void {
  const immediate = immediateI(instruction);
  const shift = immediate & 63;
  const high = instruction >> 26;
  if (kind == 1) {
    if (high != 0) emitIllegal(instruction);
    else emitValue(SLLI, rd, rs1, 0, shift);
  } else if (kind == 5) {
    if (high != 0 && high != 0x10) emitIllegal(instruction);
    else emitValue(high == 0 ? SRLI : SRAI, rd, rs1, 0, shift);
  } else if (kind == 0) {
    if (rs1 == 0) emitValue(LI, rd, 0, 0, immediate);
    else emitValue(immediate == 0 ? MV : ADDI, rd, rs1, 0, immediate);
  } else {
    // funct3 2 3 4 6 7: slti, sltiu, xori, ori, andi
    emitValue(kind < 5 ? ADDI + kind - 1 : ADDI + kind - 2, rd, rs1, 0, immediate);
  }
}

function decodeImmediateWord(instruction: u32, rd: u32, rs1: u32, kind: u32): void {
  const shift = (instruction >> 20) & 31;
  const high = instruction >> 25;
  if (kind == 0) emitValue(ADDIW, rd, rs1, 0, immediateI(instruction));
  else if (kind == 1 && high == 0) emitValue(SLLIW, rd, rs1, 0, shift);
  else if (kind == 5 && high == 0) emitValue(SRLIW, rd, rs1, 0, shift);
  else if (kind == 5 && high == 0x20) emitValue(SRAIW, rd, rs1, 0, shift);
  else emitIllegal(instruction);
}

function decodeRegister(instruction: u32, rd: u32, rs1: u32, rs2: u32, kind: u32): void {
  const high = instruction >> 25;
  if (high == 1) emitValue(MUL + kind, rd, rs1, rs2, 0);
  else if (high == 0x20 && kind == 0) emitValue(SUB, rd, rs1, rs2, 0);
  else if (high == 0x20 && kind == 5) emitValue(SRA, rd, rs1, rs2, 0);
  else if (high != 0) emitIllegal(instruction);
  // sll, slt, sltu, xor, srl are funct3 1 to 5; or, and come behind sra
  else if (kind == 0) emitValue(ADD, rd, rs1, rs2, 0);
  else emitValue(kind < 6 ? SLL + kind - 1 : SLL + kind, rd, rs1, rs2, 0);
}

function decodeRegisterWord(instruction: u32, rd: u32, rs1: u32, rs2: u32, kind: u32): void {
  const high = instruction >> 25;
  let operation = ILLEGAL;
  if (high == 0 && kind == 0) operation = ADDW;
  else if (high == 0 && kind == 1) operation = SLLW;
  else if (high == 0 && kind == 5) operation = SRLW;
  else if (high == 0x20 && kind == 0) operation = SUBW;
  else if (high == 0x20 && kind == 5) operation = SRAW;
  else if (high == 1 && kind == 0) operation = MULW;
  else if (high == 1 && kind >= 4) operation = DIVW + (kind - 4);
  if (operation == ILLEGAL) emitIllegal(instruction);
  else emitValue(operation, rd, rs1, rs2, 0);
}

function decodeLoad(instruction: u32, rd: u32, rs1: u32, kind: u32): void {
  if (kind == 7) emitIllegal(instruction);
  else emitLoad(LB + kind, rd, rs1, immediateI(instruction), 1 << (kind & 3));
}

function decodeWord(instruction: u32): void {
  const rd = (instruction >> 7) & 31;
  const kind = (instruction >> 12) & 7;
  const rs1 = (instruction >> 15) & 31;
  const rs2 = (instruction >> 20) & 31;
  switch (instruction & 0x7f) {
    case 0x03: decodeLoad(instruction, rd, rs1, kind); return;
    case 0x07:
      if (kind != 2 && kind != 3) emitIllegal(instruction);
      else emitLoad(kind == 2 ? FLW : FLD, rd, rs1, immediateI(instruction), 0);
      return;
    case 0x0f: // fence: one hart; fence.i: code is coherent but for what others than the hart and the host wrote
      if (kind > 1) emitIllegal(instruction);
      else if (kind == 1) emit(SYSTEM, 0, 0, 0, instruction);
      else emit(NOP, 0, 0, 0, 0);
      return;
    case 0x13: decodeImmediate(instruction, rd, rs1, kind); return;
    case 0x17: emitValue(AUIPC, rd, 0, 0, instruction & ~0xfff); return;
    case 0x1b: decodeImmediateWord(instruction, rd, rs1, kind); return;
    case 0x23:
      if (kind > 3) emitIllegal(instruction);
      else emit(SB + kind, 0, rs1, rs2, immediateS(instruction));
      return;
    case 0x27:
      if (kind != 2 && kind != 3) emitIllegal(instruction);
      else emit(kind == 2 ? FSW : FSD, 0, rs1, rs2, immediateS(instruction));
      return;
    case 0x2f: emit(AMO, 0, 0, 0, instruction); return;
    case 0x33: decodeRegister(instruction, rd, rs1, rs2, kind); return;
    case 0x37: emitValue(LI, rd, 0, 0, instruction & ~0xfff); return;
    case 0x3b: decodeRegisterWord(instruction, rd, rs1, rs2, kind); return;
    case 0x43: // fmadd
    case 0x47: // fmsub
    case 0x4b: // fnmsub
    case 0x4f: // fnmadd
    case 0x53: emit(FP, 0, 0, 0, instruction); return;
    case 0x63:
      if (kind == 2 || kind == 3) emitIllegal(instruction);
      else emitBranch(kind, rs1, rs2, immediateB(instruction));
      return;
    case 0x67:
      if (kind != 0) emitIllegal(instruction);
      else emitJumpRegister(rd, rs1, immediateI(instruction));
      return;
    case 0x6f: emitJump(rd, immediateJ(instruction)); return;
    case 0x73: emit(SYSTEM, 0, 0, 0, instruction); return;
  }
  emitIllegal(instruction);
}

/** Decodes into a slot of a page; compressed instructions have their upper half cleared or ignored. */
export function decodeInto(uop: u32, instruction: u32, pc: u64, branchesInside: bool): void {
  slot = uop;
  offsetInPage = <i32>pc & 0xfff;
  mayBranchInside = branchesInside;
  if ((instruction & 3) == 3) {
    lengthBit = 0;
    decodeWord(instruction);
  } else {
    lengthBit = 0x80;
    decodeCompressed(instruction & 0xffff);
  }
}
