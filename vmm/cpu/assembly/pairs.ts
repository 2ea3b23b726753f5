/**
 * Pairs of instructions that the execution loop does in one dispatch: which two make which, and back. The list
 * is what a boot of Linux executes most.
 */
import {
  ADD,
  ADDI,
  ADDIW,
  ADDIW_THEN_BGEU,
  ADD_THEN_BEQ,
  ADD_THEN_LBU,
  AND,
  AUIPC,
  AUIPC_THEN_ADDI,
  BEQ,
  BEQ_THEN_BEQ,
  BEQ_THEN_LBU,
  BGEU,
  BLTU,
  BNE,
  BNE_THEN_LD,
  CALL,
  COMPRESSED,
  FIRST_PAIR,
  C_ADD,
  C_ADDI,
  C_ADDIW,
  C_ADDIW_THEN_BNE,
  C_ADDI_THEN_BEQ,
  C_ADDI_THEN_BLTU,
  C_ADDI_THEN_BNE,
  C_ADDI_THEN_C_BNE,
  C_ADDI_THEN_C_J,
  C_ADDI_THEN_C_JR,
  C_ADDI_THEN_C_LI,
  C_ADDI_THEN_C_MV,
  C_ADDI_THEN_C_SD,
  C_ADDI_THEN_SW,
  C_ADD_THEN_C_LD,
  C_ANDI,
  C_ANDI_THEN_BNE,
  C_ANDI_THEN_C_BNE,
  C_BNE,
  C_J,
  C_JR,
  C_LD,
  C_LD_THEN_C_ADDI,
  C_LD_THEN_C_LD,
  C_LI,
  C_LI_THEN_BEQ,
  C_LW,
  C_LW_THEN_C_ADDI,
  C_MV,
  C_MV_THEN_C_J,
  C_MV_THEN_C_MV,
  C_SD,
  C_SD_THEN_C_ADDI,
  C_SD_THEN_C_SD,
  C_SLLI,
  C_SLLI_THEN_C_ADD,
  JALR,
  LBU,
  LBU_THEN_ADDI,
  LBU_THEN_BEQ,
  LBU_THEN_C_ADDI,
  LBU_THEN_C_ANDI,
  LBU_THEN_C_BNE,
  LD,
  LD_THEN_BEQ,
  LD_THEN_LD,
  LI,
  LI_THEN_BEQ,
  LI_THEN_BNE,
  NOP,
  NOP_THEN_NOP,
  SD,
  SD_THEN_SD,
  SLLI,
  SLLI_THEN_C_ADD,
  SLLI_THEN_SRLI,
  SRLI,
  SUB,
  SUBW,
  SUBW_THEN_BGEU,
  SUB_THEN_AND,
  SW,
} from './opcodes';

/** The operation for `first` followed by `second`; `first` itself when they make no pair. */
export function pairOf(first: u32, second: u32): u32 {
  switch (first) {
    case SD: return second == SD ? SD_THEN_SD : first;
    case LD:
      if (second == LD) return LD_THEN_LD;
      if (second == BEQ) return LD_THEN_BEQ;
      return first;
    case C_LD:
      if (second == C_LD) return C_LD_THEN_C_LD;
      if (second == C_ADDI) return C_LD_THEN_C_ADDI;
      return first;
    case C_SD:
      if (second == C_SD) return C_SD_THEN_C_SD;
      if (second == C_ADDI) return C_SD_THEN_C_ADDI;
      return first;
    case C_MV:
      if (second == C_MV) return C_MV_THEN_C_MV;
      if (second == C_J) return C_MV_THEN_C_J;
      return first;
    case LBU:
      if (second == C_ADDI) return LBU_THEN_C_ADDI;
      if (second == C_ANDI) return LBU_THEN_C_ANDI;
      if (second == BEQ) return LBU_THEN_BEQ;
      if (second == ADDI) return LBU_THEN_ADDI;
      if (second == C_BNE) return LBU_THEN_C_BNE;
      return first;
    case ADD:
      if (second == LBU) return ADD_THEN_LBU;
      if (second == BEQ) return ADD_THEN_BEQ;
      return first;
    case C_ADDI:
      if (second == C_SD) return C_ADDI_THEN_C_SD;
      if (second == C_JR) return C_ADDI_THEN_C_JR;
      if (second == C_J) return C_ADDI_THEN_C_J;
      if (second == BNE) return C_ADDI_THEN_BNE;
      if (second == BLTU) return C_ADDI_THEN_BLTU;
      if (second == C_BNE) return C_ADDI_THEN_C_BNE;
      if (second == SW) return C_ADDI_THEN_SW;
      if (second == BEQ) return C_ADDI_THEN_BEQ;
      if (second == C_MV) return C_ADDI_THEN_C_MV;
      if (second == C_LI) return C_ADDI_THEN_C_LI;
      return first;
    case C_ANDI:
      if (second == C_BNE) return C_ANDI_THEN_C_BNE;
      if (second == BNE) return C_ANDI_THEN_BNE;
      return first;
    case LI:
      if (second == BEQ) return LI_THEN_BEQ;
      if (second == BNE) return LI_THEN_BNE;
      return first;
    case AUIPC: return second == ADDI ? AUIPC_THEN_ADDI : first;
    case BNE: return second == LD ? BNE_THEN_LD : first;
    case C_LW: return second == C_ADDI ? C_LW_THEN_C_ADDI : first;
    case NOP: return second == NOP ? NOP_THEN_NOP : first;
    case ADDIW: return second == BGEU ? ADDIW_THEN_BGEU : first;
    case C_ADD: return second == C_LD ? C_ADD_THEN_C_LD : first;
    case BEQ:
      if (second == BEQ) return BEQ_THEN_BEQ;
      if (second == LBU) return BEQ_THEN_LBU;
      return first;
    case SUB: return second == AND ? SUB_THEN_AND : first;
    case C_SLLI: return second == C_ADD ? C_SLLI_THEN_C_ADD : first;
    case SLLI:
      if (second == C_ADD) return SLLI_THEN_C_ADD;
      if (second == SRLI) return SLLI_THEN_SRLI;
      return first;
    case C_LI: return second == BEQ ? C_LI_THEN_BEQ : first;
    case SUBW: return second == BGEU ? SUBW_THEN_BGEU : first;
    case C_ADDIW: return second == BNE ? C_ADDIW_THEN_BNE : first;
  }
  return first;
}

/** The first of a pair as it would be alone; other operations are themselves. */
export function firstOf(operation: u32): u32 {
  switch (operation) {
    case SD_THEN_SD: return SD;
    case LD_THEN_LD:
    case LD_THEN_BEQ: return LD;
    case C_LD_THEN_C_LD:
    case C_LD_THEN_C_ADDI: return C_LD;
    case C_SD_THEN_C_SD:
    case C_SD_THEN_C_ADDI: return C_SD;
    case C_MV_THEN_C_MV:
    case C_MV_THEN_C_J: return C_MV;
    case LBU_THEN_C_ADDI:
    case LBU_THEN_C_ANDI:
    case LBU_THEN_BEQ:
    case LBU_THEN_ADDI:
    case LBU_THEN_C_BNE: return LBU;
    case ADD_THEN_LBU:
    case ADD_THEN_BEQ: return ADD;
    case C_ADDI_THEN_C_SD:
    case C_ADDI_THEN_C_JR:
    case C_ADDI_THEN_C_J:
    case C_ADDI_THEN_BNE:
    case C_ADDI_THEN_BLTU:
    case C_ADDI_THEN_C_BNE:
    case C_ADDI_THEN_SW:
    case C_ADDI_THEN_BEQ:
    case C_ADDI_THEN_C_MV:
    case C_ADDI_THEN_C_LI: return C_ADDI;
    case C_ANDI_THEN_C_BNE:
    case C_ANDI_THEN_BNE: return C_ANDI;
    case LI_THEN_BEQ:
    case LI_THEN_BNE: return LI;
    case CALL:
    case AUIPC_THEN_ADDI: return AUIPC;
    case BNE_THEN_LD: return BNE;
    case C_LW_THEN_C_ADDI: return C_LW;
    case NOP_THEN_NOP: return NOP;
    case ADDIW_THEN_BGEU: return ADDIW;
    case C_ADD_THEN_C_LD: return C_ADD;
    case BEQ_THEN_BEQ:
    case BEQ_THEN_LBU: return BEQ;
    case SUB_THEN_AND: return SUB;
    case C_SLLI_THEN_C_ADD: return C_SLLI;
    case SLLI_THEN_C_ADD:
    case SLLI_THEN_SRLI: return SLLI;
    case C_LI_THEN_BEQ: return C_LI;
    case SUBW_THEN_BGEU: return SUBW;
    case C_ADDIW_THEN_BNE: return C_ADDIW;
  }
  return operation;
}

/** Makes a pair of two neighbouring slots where there is one; `a` and `b` are what they do alone. */
export function joinSlots(first: u32, a: u32, second: u32, b: u32): void {
  const register = load<u8>(first, 1);
  const isCall = a == AUIPC && b == JALR && load<u8>(second, 1) == register && load<u8>(second, 2) == register;
  store<u8>(first, <u8>(isCall ? CALL : pairOf(a, b)));
}

@inline
export function isPair(operation: u32): bool {
  return (operation & ~COMPRESSED) >= FIRST_PAIR;
}
