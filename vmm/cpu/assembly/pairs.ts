/**
 * Pairs of instructions that the execution loop does in one dispatch: which two make which, and back. The list
 * is what a boot of Linux executes most.
 */
import {
  ADD,
  ADDI,
  ADD_THEN_LBU,
  AUIPC,
  AUIPC_THEN_ADDI,
  BEQ,
  BLTU,
  BNE,
  CALL,
  COMPRESSED,
  C_ADDI,
  C_ADDI_THEN_BLTU,
  C_ADDI_THEN_BNE,
  C_ADDI_THEN_C_BNE,
  C_ADDI_THEN_C_J,
  C_ADDI_THEN_C_JR,
  C_ADDI_THEN_C_SD,
  C_ANDI,
  C_ANDI_THEN_C_BNE,
  C_BNE,
  C_J,
  C_JR,
  C_LD,
  C_LD_THEN_C_ADDI,
  C_LD_THEN_C_LD,
  C_MV,
  C_MV_THEN_C_MV,
  C_SD,
  C_SD_THEN_C_SD,
  FIRST_PAIR,
  JALR,
  LBU,
  LBU_THEN_BEQ,
  LBU_THEN_C_ADDI,
  LBU_THEN_C_ANDI,
  LD,
  LD_THEN_LD,
  LI,
  LI_THEN_BEQ,
  SD,
  SD_THEN_SD,
} from './opcodes';

/** The operation for `first` followed by `second`; `first` itself when they make no pair. */
export function pairOf(first: u32, second: u32): u32 {
  switch (first) {
    case SD: return second == SD ? SD_THEN_SD : first;
    case LD: return second == LD ? LD_THEN_LD : first;
    case C_LD:
      if (second == C_LD) return C_LD_THEN_C_LD;
      if (second == C_ADDI) return C_LD_THEN_C_ADDI;
      return first;
    case C_SD: return second == C_SD ? C_SD_THEN_C_SD : first;
    case C_MV: return second == C_MV ? C_MV_THEN_C_MV : first;
    case LBU:
      if (second == C_ADDI) return LBU_THEN_C_ADDI;
      if (second == C_ANDI) return LBU_THEN_C_ANDI;
      if (second == BEQ) return LBU_THEN_BEQ;
      return first;
    case ADD: return second == LBU ? ADD_THEN_LBU : first;
    case C_ADDI:
      if (second == C_SD) return C_ADDI_THEN_C_SD;
      if (second == C_JR) return C_ADDI_THEN_C_JR;
      if (second == C_J) return C_ADDI_THEN_C_J;
      if (second == BNE) return C_ADDI_THEN_BNE;
      if (second == BLTU) return C_ADDI_THEN_BLTU;
      if (second == C_BNE) return C_ADDI_THEN_C_BNE;
      return first;
    case C_ANDI: return second == C_BNE ? C_ANDI_THEN_C_BNE : first;
    case LI: return second == BEQ ? LI_THEN_BEQ : first;
    case AUIPC: return second == ADDI ? AUIPC_THEN_ADDI : first;
  }
  return first;
}

/** The first of a pair as it would be alone; other operations are themselves. */
export function firstOf(operation: u32): u32 {
  if ((operation & ~COMPRESSED) < FIRST_PAIR) return operation;
  switch (operation) {
    case SD_THEN_SD: return SD;
    case LD_THEN_LD: return LD;
    case C_LD_THEN_C_LD:
    case C_LD_THEN_C_ADDI: return C_LD;
    case C_SD_THEN_C_SD: return C_SD;
    case C_MV_THEN_C_MV: return C_MV;
    case LBU_THEN_C_ADDI:
    case LBU_THEN_C_ANDI:
    case LBU_THEN_BEQ: return LBU;
    case ADD_THEN_LBU: return ADD;
    case C_ADDI_THEN_C_SD:
    case C_ADDI_THEN_C_JR:
    case C_ADDI_THEN_C_J:
    case C_ADDI_THEN_BNE:
    case C_ADDI_THEN_BLTU:
    case C_ADDI_THEN_C_BNE: return C_ADDI;
    case C_ANDI_THEN_C_BNE: return C_ANDI;
    case LI_THEN_BEQ: return LI;
    case CALL:
    case AUIPC_THEN_ADDI: return AUIPC;
  }
  return operation;
}

/** Makes a pair of two neighbouring slots where there is one. */
export function joinSlots(first: u32, second: u32): void {
  const a = firstOf(load<u8>(first));
  const b = firstOf(load<u8>(second));
  const register = load<u8>(first, 1);
  const isCall = a == AUIPC && b == JALR && load<u8>(second, 1) == register && load<u8>(second, 2) == register;
  store<u8>(first, <u8>(isCall ? CALL : pairOf(a, b)));
}
