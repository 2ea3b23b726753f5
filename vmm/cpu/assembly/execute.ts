/**
 * The execution loop. `run` carries out uops until the slice ends, the guest waits, calls the host's SBI, or
 * a stop is requested. Registers live in memory, so the state is exact whenever anything else is called.
 *
 * Every instruction pays 1 from `budget`, slow operations and page changes more, so that a slice ends soon
 * whatever the guest executes. Taken branches, jumps and slow operations see when it is spent; then, or when
 * `attention` is raised, the loop looks at stop requests, time and interrupts. What was paid, less the extra
 * charges, is what minstret counts.
 */
import { STOP_REQUEST_OFFSET, TLB_TABLE_BYTES } from '../memory-map';
import { PC } from '../state-layout';
import { resolve } from './fetch';
import {
  AGAIN,
  attention,
  budgetLeft,
  charge,
  codeTlb,
  dataTlb,
  floatReady,
  NEXT,
  nextPc,
  restartBudget,
  SBI_CALL,
  setAttention,
  setBudget,
  STAND_IN,
  standIn,
  syncRetired,
  WAIT,
} from './hart';
import { ticks } from './host';
import {
  divide,
  divideUnsigned,
  divideUnsignedWord,
  divideWord,
  multiplyHigh,
  multiplyHighMixed,
  multiplyHighSigned,
  remainder,
  remainderUnsigned,
  remainderUnsignedWord,
  remainderWord,
  word,
} from './integer';
import {
  ADD,
  ADDI,
  ADDIW,
  ADDIW_THEN_BGEU,
  ADDW,
  ADD_THEN_BEQ,
  ADD_THEN_LBU,
  AND,
  ANDI,
  AUIPC,
  AUIPC_THEN_ADDI,
  BEQ,
  BEQ_THEN_BEQ,
  BEQ_THEN_LBU,
  BGE,
  BGEU,
  BLT,
  BLTU,
  BNE,
  BNE_THEN_LD,
  BRANCH_FAR,
  CALL,
  COMPRESSED,
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
  C_ADDW,
  C_ADD_THEN_C_LD,
  C_AND,
  C_ANDI,
  C_ANDI_THEN_BNE,
  C_ANDI_THEN_C_BNE,
  C_BEQ,
  C_BNE,
  C_BRANCH_FAR,
  C_FLD,
  C_FSD,
  C_J,
  C_JALR,
  C_JR,
  C_J_FAR,
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
  C_NOP,
  C_OR,
  C_SD,
  C_SD_THEN_C_ADDI,
  C_SD_THEN_C_SD,
  C_SLLI,
  C_SLLI_THEN_C_ADD,
  C_SRAI,
  C_SRLI,
  C_SUB,
  C_SUBW,
  C_SW,
  C_XOR,
  DECODE,
  DIV,
  DIVU,
  DIVUW,
  DIVW,
  FLD,
  FLW,
  FSD,
  FSW,
  J,
  JAL,
  JALR,
  JAL_FAR,
  JR,
  J_FAR,
  LB,
  LBU,
  LBU_THEN_ADDI,
  LBU_THEN_BEQ,
  LBU_THEN_C_ADDI,
  LBU_THEN_C_ANDI,
  LBU_THEN_C_BNE,
  LD,
  LD_THEN_BEQ,
  LD_THEN_LD,
  LH,
  LHU,
  LI,
  LI_THEN_BEQ,
  LI_THEN_BNE,
  LW,
  LWU,
  MUL,
  MULH,
  MULHSU,
  MULHU,
  MULW,
  MV,
  NOP,
  NOP_THEN_NOP,
  OR,
  ORI,
  REM,
  REMU,
  REMUW,
  REMW,
  SB,
  SD,
  SD_THEN_SD,
  SH,
  SLL,
  SLLI,
  SLLIW,
  SLLI_THEN_C_ADD,
  SLLI_THEN_SRLI,
  SLLW,
  SLT,
  SLTI,
  SLTIU,
  SLTU,
  SRA,
  SRAI,
  SRAIW,
  SRAW,
  SRL,
  SRLI,
  SRLIW,
  SRLW,
  SUB,
  SUBW,
  SUBW_THEN_BGEU,
  SUB_THEN_AND,
  SW,
  XOR,
  XORI,
} from './opcodes';
import { executeSlow } from './slow';
import { PAGE_MASK, slotOf } from './tlb';
import { refreshTimer, takeInterrupt, updateTimer } from './trap';
import { frs2, imm, rs1, rs2, setFrd, setRd } from './uop';

const EXIT_NONE: i32 = -1;
export const EXIT_SLICE_END: i32 = 0;
export const EXIT_WFI: i32 = 1;
export const EXIT_SBI_CALL: i32 = 2;
export const EXIT_STOP: i32 = 3;

/** Instructions between two looks at the clock: some tens of microseconds. */
const BUDGET: i32 = 16384;
const SLOW_COST: i32 = 32;
const PAGE_COST: i32 = 128;

const BOX: u64 = 0xffffffff00000000;
/** Offset of the table for writes inside a translation context. */
const WRITES: usize = TLB_TABLE_BYTES;
const CODE: usize = 2 * TLB_TABLE_BYTES;

@inline
function pcOf(uop: u32, pcBase: u64): u64 {
  return pcBase + <u64>(uop >> 2);
}

@inline
function shift(uop: u32): u64 {
  return <u64>load<u32>(uop, 4);
}

@inline
function branchTarget(uop: u32): u32 {
  return uop + load<u32>(uop, 4);
}

/** Host address of guest data, given the TLB entry that hit. */
@inline
function hostRead(entry: u32, address: u64): u32 {
  return <u32>address + load<u32>(entry, 8);
}

@inline
function hostWrite(entry: u32, address: u64): u32 {
  return <u32>address + load<u32>(entry, WRITES + 8);
}

/** Condition of a branch to another page; the rd byte holds funct3. */
@inline
function isTaken(uop: u32): bool {
  const a = rs1(uop);
  const b = rs2(uop);
  switch (<u32>load<u8>(uop, 1) >> 3) {
    case 0: return a == b;
    case 1: return a != b;
    case 4: return <i64>a < <i64>b;
    case 5: return <i64>a >= <i64>b;
    case 6: return a < b;
  }
  return a >= b;
}

/** Looks at what may end the slice or interrupt the guest. Stores the pc to go on at. */
function poll(pc: u64, untilTicks: f64): i32 {
  store<u64>(PC, pc);
  setAttention(false);
  if (atomic.load<u8>(STOP_REQUEST_OFFSET) != 0) {
    atomic.store<u8>(STOP_REQUEST_OFFSET, 0);
    return EXIT_STOP;
  }
  if (budgetLeft < 0) {
    const now = ticks();
    updateTimer(<u64>now);
    if (now >= untilTicks) return EXIT_SLICE_END;
    restartBudget(BUDGET);
  }
  if (takeInterrupt(pc)) store<u64>(PC, nextPc);
  return EXIT_NONE;
}

/** `budget` is a local variable between calls only: it then never has to leave its register in the loop. */
export function run(untilTicks: f64): i32 {
  let budget = BUDGET;
  restartBudget(BUDGET);
  let pc = load<u64>(PC);
  let target: u64 = 0;
  let isJump = false;
  let isSpent = false;
  refreshTimer();
  setAttention(true);
  let exit = EXIT_NONE;
  while (exit == EXIT_NONE) {
    setBudget(budget);
    if (budget < 0 || attention) {
      exit = poll(pc, untilTicks);
      if (exit != EXIT_NONE) break;
      pc = load<u64>(PC);
    }
    charge(PAGE_COST);
    const page = resolve(pc);
    budget = budgetLeft;
    if (page == 0) {
      pc = nextPc;
      continue;
    }
    let uop: u32 = page + ((<u32>pc & 0xffe) << 2);
    let pcBase: u64 = (pc & PAGE_MASK) - <u64>(page >> 2);
    const dataBase = dataTlb;
    const codeBase = codeTlb;
    for (;;) {
      budget--;
      switch (<u32>load<u8>(uop)) {
        case DECODE:
          break;
        case NOP:
          uop += 16;
          continue;
        case C_NOP:
          uop += 8;
          continue;
        case LI:
          setRd(uop, imm(uop));
          uop += 16;
          continue;
        case C_LI:
          setRd(uop, imm(uop));
          uop += 8;
          continue;
        case MV:
          setRd(uop, rs1(uop));
          uop += 16;
          continue;
        case C_MV:
          setRd(uop, rs1(uop));
          uop += 8;
          continue;
        case ADDI:
          setRd(uop, rs1(uop) + imm(uop));
          uop += 16;
          continue;
        case C_ADDI:
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          continue;
        case SLTI:
          setRd(uop, <i64>rs1(uop) < imm(uop) ? 1 : 0);
          uop += 16;
          continue;
        case SLTIU:
          setRd(uop, rs1(uop) < <u64>imm(uop) ? 1 : 0);
          uop += 16;
          continue;
        case XORI:
          setRd(uop, rs1(uop) ^ imm(uop));
          uop += 16;
          continue;
        case ORI:
          setRd(uop, rs1(uop) | imm(uop));
          uop += 16;
          continue;
        case ANDI:
          setRd(uop, rs1(uop) & imm(uop));
          uop += 16;
          continue;
        case C_ANDI:
          setRd(uop, rs1(uop) & imm(uop));
          uop += 8;
          continue;
        case SLLI:
          setRd(uop, rs1(uop) << shift(uop));
          uop += 16;
          continue;
        case C_SLLI:
          setRd(uop, rs1(uop) << shift(uop));
          uop += 8;
          continue;
        case SRLI:
          setRd(uop, rs1(uop) >> shift(uop));
          uop += 16;
          continue;
        case C_SRLI:
          setRd(uop, rs1(uop) >> shift(uop));
          uop += 8;
          continue;
        case SRAI:
          setRd(uop, <i64>rs1(uop) >> shift(uop));
          uop += 16;
          continue;
        case C_SRAI:
          setRd(uop, <i64>rs1(uop) >> shift(uop));
          uop += 8;
          continue;
        case ADDIW:
          setRd(uop, word(<i32>rs1(uop) + <i32>imm(uop)));
          uop += 16;
          continue;
        case C_ADDIW:
          setRd(uop, word(<i32>rs1(uop) + <i32>imm(uop)));
          uop += 8;
          continue;
        case SLLIW:
          setRd(uop, word(<i32>rs1(uop) << <i32>imm(uop)));
          uop += 16;
          continue;
        case SRLIW:
          setRd(uop, word(<u32>rs1(uop) >> <u32>imm(uop)));
          uop += 16;
          continue;
        case SRAIW:
          setRd(uop, word(<i32>rs1(uop) >> <i32>imm(uop)));
          uop += 16;
          continue;
        case AUIPC:
          setRd(uop, pcOf(uop, pcBase) + imm(uop));
          uop += 16;
          continue;
        case ADD:
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 16;
          continue;
        case C_ADD:
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 8;
          continue;
        case SUB:
          setRd(uop, rs1(uop) - rs2(uop));
          uop += 16;
          continue;
        case C_SUB:
          setRd(uop, rs1(uop) - rs2(uop));
          uop += 8;
          continue;
        case SLL:
          setRd(uop, rs1(uop) << rs2(uop));
          uop += 16;
          continue;
        case SLT:
          setRd(uop, <i64>rs1(uop) < <i64>rs2(uop) ? 1 : 0);
          uop += 16;
          continue;
        case SLTU:
          setRd(uop, rs1(uop) < rs2(uop) ? 1 : 0);
          uop += 16;
          continue;
        case XOR:
          setRd(uop, rs1(uop) ^ rs2(uop));
          uop += 16;
          continue;
        case C_XOR:
          setRd(uop, rs1(uop) ^ rs2(uop));
          uop += 8;
          continue;
        case SRL:
          setRd(uop, rs1(uop) >> rs2(uop));
          uop += 16;
          continue;
        case SRA:
          setRd(uop, <i64>rs1(uop) >> rs2(uop));
          uop += 16;
          continue;
        case OR:
          setRd(uop, rs1(uop) | rs2(uop));
          uop += 16;
          continue;
        case C_OR:
          setRd(uop, rs1(uop) | rs2(uop));
          uop += 8;
          continue;
        case AND:
          setRd(uop, rs1(uop) & rs2(uop));
          uop += 16;
          continue;
        case C_AND:
          setRd(uop, rs1(uop) & rs2(uop));
          uop += 8;
          continue;
        case ADDW:
          setRd(uop, word(<i32>rs1(uop) + <i32>rs2(uop)));
          uop += 16;
          continue;
        case C_ADDW:
          setRd(uop, word(<i32>rs1(uop) + <i32>rs2(uop)));
          uop += 8;
          continue;
        case SUBW:
          setRd(uop, word(<i32>rs1(uop) - <i32>rs2(uop)));
          uop += 16;
          continue;
        case C_SUBW:
          setRd(uop, word(<i32>rs1(uop) - <i32>rs2(uop)));
          uop += 8;
          continue;
        case SLLW:
          setRd(uop, word(<i32>rs1(uop) << <i32>rs2(uop)));
          uop += 16;
          continue;
        case SRLW:
          setRd(uop, word(<u32>rs1(uop) >> <u32>rs2(uop)));
          uop += 16;
          continue;
        case SRAW:
          setRd(uop, word(<i32>rs1(uop) >> <i32>rs2(uop)));
          uop += 16;
          continue;
        case MUL:
          setRd(uop, rs1(uop) * rs2(uop));
          uop += 16;
          continue;
        case MULH:
          setRd(uop, multiplyHighSigned(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case MULHSU:
          setRd(uop, multiplyHighMixed(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case MULHU:
          setRd(uop, multiplyHigh(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case DIV:
          setRd(uop, divide(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case DIVU:
          setRd(uop, divideUnsigned(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case REM:
          setRd(uop, remainder(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case REMU:
          setRd(uop, remainderUnsigned(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case MULW:
          setRd(uop, word(<i32>rs1(uop) * <i32>rs2(uop)));
          uop += 16;
          continue;
        case DIVW:
          setRd(uop, divideWord(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case DIVUW:
          setRd(uop, divideUnsignedWord(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case REMW:
          setRd(uop, remainderWord(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case REMUW:
          setRd(uop, remainderUnsignedWord(rs1(uop), rs2(uop)));
          uop += 16;
          continue;
        case LB: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>(<i64>load<i8>(hostRead(entry, address))));
          uop += 16;
          continue;
        }
        case LH: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 1) & PAGE_MASK)) break;
          setRd(uop, <u64>(<i64>load<i16>(hostRead(entry, address))));
          uop += 16;
          continue;
        }
        case LW: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 3) & PAGE_MASK)) break;
          setRd(uop, <u64>(<i64>load<i32>(hostRead(entry, address))));
          uop += 16;
          continue;
        }
        case C_LW: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 3) & PAGE_MASK)) break;
          setRd(uop, <u64>(<i64>load<i32>(hostRead(entry, address))));
          uop += 8;
          continue;
        }
        case LD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case C_LD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 8;
          continue;
        }
        case LBU: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case LHU: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 1) & PAGE_MASK)) break;
          setRd(uop, <u64>load<u16>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case LWU: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 3) & PAGE_MASK)) break;
          setRd(uop, <u64>load<u32>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case FLW: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 3) & PAGE_MASK)) break;
          setFrd(uop, BOX | <u64>load<u32>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case FLD: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setFrd(uop, load<u64>(hostRead(entry, address)));
          uop += 16;
          continue;
        }
        case C_FLD: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setFrd(uop, load<u64>(hostRead(entry, address)));
          uop += 8;
          continue;
        }
        case SB: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != (address & PAGE_MASK)) break;
          store<u8>(hostWrite(entry, address), <u8>rs2(uop));
          uop += 16;
          continue;
        }
        case SH: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 1) & PAGE_MASK)) break;
          store<u16>(hostWrite(entry, address), <u16>rs2(uop));
          uop += 16;
          continue;
        }
        case SW: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 3) & PAGE_MASK)) break;
          store<u32>(hostWrite(entry, address), <u32>rs2(uop));
          uop += 16;
          continue;
        }
        case C_SW: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 3) & PAGE_MASK)) break;
          store<u32>(hostWrite(entry, address), <u32>rs2(uop));
          uop += 8;
          continue;
        }
        case SD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), rs2(uop));
          uop += 16;
          continue;
        }
        case C_SD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), rs2(uop));
          uop += 8;
          continue;
        }
        case FSW: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 3) & PAGE_MASK)) break;
          store<u32>(hostWrite(entry, address), <u32>frs2(uop));
          uop += 16;
          continue;
        }
        case FSD: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), frs2(uop));
          uop += 16;
          continue;
        }
        case C_FSD: {
          if (!floatReady) break;
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), frs2(uop));
          uop += 8;
          continue;
        }
        case BEQ:
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case C_BEQ:
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 8;
          continue;
        case BNE:
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case C_BNE:
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 8;
          continue;
        case BLT:
          if (<i64>rs1(uop) < <i64>rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case BGE:
          if (<i64>rs1(uop) >= <i64>rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case BLTU:
          if (rs1(uop) < rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case BGEU:
          if (rs1(uop) >= rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        case JAL:
          setRd(uop, pcOf(uop, pcBase) + 4);
          uop = branchTarget(uop);
          if (budget >= 0) continue;
          isSpent = true;
          break;
        case J:
        case C_J:
          uop = branchTarget(uop);
          if (budget >= 0) continue;
          isSpent = true;
          break;
        case BRANCH_FAR:
        case C_BRANCH_FAR: {
          const here = pcOf(uop, pcBase);
          const length: u64 = load<u8>(uop) == C_BRANCH_FAR ? 2 : 4;
          target = here + (isTaken(uop) ? <u64>imm(uop) : length);
          isJump = true;
          break;
        }
        case JAL_FAR:
          target = pcOf(uop, pcBase);
          setRd(uop, target + 4);
          target += imm(uop);
          isJump = true;
          break;
        case J_FAR:
        case C_J_FAR:
          target = pcOf(uop, pcBase) + imm(uop);
          isJump = true;
          break;
        case JALR:
          target = (rs1(uop) + imm(uop)) & ~1;
          setRd(uop, pcOf(uop, pcBase) + 4);
          isJump = true;
          break;
        case C_JALR:
          target = rs1(uop) & ~1;
          setRd(uop, pcOf(uop, pcBase) + 2);
          isJump = true;
          break;
        case JR:
        case C_JR:
          target = (rs1(uop) + imm(uop)) & ~1;
          isJump = true;
          break;
        case SD_THEN_SD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), rs2(uop));
          uop += 16;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2, WRITES) != ((address2 + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry2, address2), rs2(uop));
          uop += 16;
          continue;
        }
        case LD_THEN_LD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 16;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != ((address2 + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry2, address2)));
          uop += 16;
          continue;
        }
        case C_LD_THEN_C_LD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 8;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != ((address2 + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry2, address2)));
          uop += 8;
          continue;
        }
        case C_SD_THEN_C_SD: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), rs2(uop));
          uop += 8;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2, WRITES) != ((address2 + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry2, address2), rs2(uop));
          uop += 8;
          continue;
        }
        case C_MV_THEN_C_MV: {
          setRd(uop, rs1(uop));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop));
          uop += 8;
          continue;
        }
        case LBU_THEN_C_ADDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          continue;
        }
        case LBU_THEN_C_ANDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) & imm(uop));
          uop += 8;
          continue;
        }
        case ADD_THEN_LBU: {
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 16;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != (address2 & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry2, address2)));
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_C_SD: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2, WRITES) != ((address2 + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry2, address2), rs2(uop));
          uop += 8;
          continue;
        }
        case LBU_THEN_BEQ: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ANDI_THEN_C_BNE: {
          setRd(uop, rs1(uop) & imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 8;
          continue;
        }
        case LI_THEN_BEQ: {
          setRd(uop, imm(uop));
          uop += 16;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_C_JR: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          target = (rs1(uop) + imm(uop)) & ~1;
          isJump = true;
          break;
        }
        case C_ADDI_THEN_C_J: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          uop = branchTarget(uop);
          if (budget >= 0) continue;
          isSpent = true;
          break;
        }
        case C_LD_THEN_C_ADDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          continue;
        }
        case C_ADDI_THEN_BNE: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_BLTU: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) < rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_C_BNE: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 8;
          continue;
        }
        case C_SD_THEN_C_ADDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry, WRITES) != ((address + 7) & PAGE_MASK)) break;
          store<u64>(hostWrite(entry, address), rs2(uop));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          continue;
        }
        case BNE_THEN_LD: {
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != ((address2 + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry2, address2)));
          uop += 16;
          continue;
        }
        case C_LW_THEN_C_ADDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 3) & PAGE_MASK)) break;
          setRd(uop, <u64>(<i64>load<i32>(hostRead(entry, address))));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          continue;
        }
        case C_ADDI_THEN_SW: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2, WRITES) != ((address2 + 3) & PAGE_MASK)) break;
          store<u32>(hostWrite(entry2, address2), <u32>rs2(uop));
          uop += 16;
          continue;
        }
        case LBU_THEN_ADDI: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 16;
          continue;
        }
        case NOP_THEN_NOP: {
          uop += 16;
          budget--;
          uop += 16;
          continue;
        }
        case ADDIW_THEN_BGEU: {
          setRd(uop, word(<i32>rs1(uop) + <i32>imm(uop)));
          uop += 16;
          budget--;
          if (rs1(uop) >= rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case LI_THEN_BNE: {
          setRd(uop, imm(uop));
          uop += 16;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADD_THEN_C_LD: {
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 8;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != ((address2 + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry2, address2)));
          uop += 8;
          continue;
        }
        case C_MV_THEN_C_J: {
          setRd(uop, rs1(uop));
          uop += 8;
          budget--;
          uop = branchTarget(uop);
          if (budget >= 0) continue;
          isSpent = true;
          break;
        }
        case C_ANDI_THEN_BNE: {
          setRd(uop, rs1(uop) & imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case BEQ_THEN_BEQ: {
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case LBU_THEN_C_BNE: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != (address & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry, address)));
          uop += 16;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 8;
          continue;
        }
        case ADD_THEN_BEQ: {
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 16;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case SUB_THEN_AND: {
          setRd(uop, rs1(uop) - rs2(uop));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) & rs2(uop));
          uop += 16;
          continue;
        }
        case C_SLLI_THEN_C_ADD: {
          setRd(uop, rs1(uop) << shift(uop));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 8;
          continue;
        }
        case SLLI_THEN_C_ADD: {
          setRd(uop, rs1(uop) << shift(uop));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) + rs2(uop));
          uop += 8;
          continue;
        }
        case SLLI_THEN_SRLI: {
          setRd(uop, rs1(uop) << shift(uop));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) >> shift(uop));
          uop += 16;
          continue;
        }
        case C_LI_THEN_BEQ: {
          setRd(uop, imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_BEQ: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case SUBW_THEN_BGEU: {
          setRd(uop, word(<i32>rs1(uop) - <i32>rs2(uop)));
          uop += 16;
          budget--;
          if (rs1(uop) >= rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case BEQ_THEN_LBU: {
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          budget--;
          const address2 = rs1(uop) + imm(uop);
          const entry2 = dataBase + slotOf(address2);
          if (load<u64>(entry2) != (address2 & PAGE_MASK)) break;
          setRd(uop, <u64>load<u8>(hostRead(entry2, address2)));
          uop += 16;
          continue;
        }
        case C_ADDI_THEN_C_MV: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          setRd(uop, rs1(uop));
          uop += 8;
          continue;
        }
        case C_ADDI_THEN_C_LI: {
          setRd(uop, rs1(uop) + imm(uop));
          uop += 8;
          budget--;
          setRd(uop, imm(uop));
          uop += 8;
          continue;
        }
        case LD_THEN_BEQ: {
          const address = rs1(uop) + imm(uop);
          const entry = dataBase + slotOf(address);
          if (load<u64>(entry) != ((address + 7) & PAGE_MASK)) break;
          setRd(uop, load<u64>(hostRead(entry, address)));
          uop += 16;
          budget--;
          if (rs1(uop) == rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case C_ADDIW_THEN_BNE: {
          setRd(uop, word(<i32>rs1(uop) + <i32>imm(uop)));
          uop += 8;
          budget--;
          if (rs1(uop) != rs2(uop)) {
            uop = branchTarget(uop);
            if (budget >= 0) continue;
            isSpent = true;
            break;
          }
          uop += 16;
          continue;
        }
        case CALL:
          target = pcOf(uop, pcBase);
          setRd(uop, target + 8);
          target = (target + imm(uop) + imm(uop + 16)) & ~1;
          budget--;
          isJump = true;
          break;
        case AUIPC_THEN_ADDI:
          setRd(uop, pcOf(uop, pcBase) + imm(uop));
          uop += 16;
          budget--;
          setRd(uop, rs1(uop) + imm(uop));
          uop += 16;
          continue;
      }
      if (isJump) {
        isJump = false;
        const entry = codeBase + slotOf(target);
        if (load<u64>(entry, CODE) == (target & PAGE_MASK) && budget >= 0) {
          const found = load<u32>(entry, CODE + 8);
          uop = found + ((<u32>target & 0xffe) << 2);
          pcBase = (target & PAGE_MASK) - <u64>(found >> 2);
          continue;
        }
        pc = target;
        break;
      }
      pc = pcOf(uop, pcBase);
      if (isSpent) {
        isSpent = false;
        break;
      }
      setBudget(budget);
      const outcome = executeSlow(uop, pc);
      charge(SLOW_COST);
      budget = budgetLeft;
      if (outcome == AGAIN) {
        budget++; // counted again when it is dispatched
        continue;
      }
      if (outcome == STAND_IN) {
        uop = standIn;
        pcBase = pc - (uop >> 2);
        budget++;
        continue;
      }
      if (outcome == NEXT) {
        uop += load<u8>(uop) >= COMPRESSED ? 8 : 16;
        if (budget >= 0) continue;
        pc = pcOf(uop, pcBase);
        break;
      }
      pc = nextPc;
      if (outcome == WAIT || outcome == SBI_CALL) {
        store<u64>(PC, pc);
        exit = outcome == WAIT ? EXIT_WFI : EXIT_SBI_CALL;
      }
      break;
    }
  }
  syncRetired();
  return exit;
}
