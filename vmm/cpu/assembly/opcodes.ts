/**
 * Operations of pre-decoded instructions (uops). A uop is 8 bytes:
 *
 *   byte 0  operation; bit 7 set: the instruction was a compressed one (2 bytes long)
 *   byte 1  rd * 8, byte 2  rs1 * 8, byte 3  rs2 * 8: offsets into the register file
 *   bytes 4..7  immediate, signed. In-page branches: distance in bytes of uops (4 per byte of code).
 *               SYSTEM, AMO, FP, ILLEGAL: the instruction as fetched.
 *
 * The decoder never emits an operation that writes x0: x0 can therefore be read like any register.
 */
export const COMPRESSED: u32 = 0x80;

export const DECODE: u32 = 0; // not decoded yet; pages start as zeros
export const NOP: u32 = 1;
export const LI: u32 = 2; // also lui
export const MV: u32 = 3;
export const ADDI: u32 = 4;
export const SLTI: u32 = 5;
export const SLTIU: u32 = 6;
export const XORI: u32 = 7;
export const ORI: u32 = 8;
export const ANDI: u32 = 9;
export const SLLI: u32 = 10;
export const SRLI: u32 = 11;
export const SRAI: u32 = 12;
export const ADDIW: u32 = 13;
export const SLLIW: u32 = 14;
export const SRLIW: u32 = 15;
export const SRAIW: u32 = 16;
export const AUIPC: u32 = 17;
export const ADD: u32 = 18;
export const SUB: u32 = 19;
export const SLL: u32 = 20;
export const SLT: u32 = 21;
export const SLTU: u32 = 22;
export const XOR: u32 = 23;
export const SRL: u32 = 24;
export const SRA: u32 = 25;
export const OR: u32 = 26;
export const AND: u32 = 27;
export const ADDW: u32 = 28;
export const SUBW: u32 = 29;
export const SLLW: u32 = 30;
export const SRLW: u32 = 31;
export const SRAW: u32 = 32;
export const MUL: u32 = 33;
export const MULH: u32 = 34;
export const MULHSU: u32 = 35;
export const MULHU: u32 = 36;
export const DIV: u32 = 37;
export const DIVU: u32 = 38;
export const REM: u32 = 39;
export const REMU: u32 = 40;
export const MULW: u32 = 41;
export const DIVW: u32 = 42;
export const DIVUW: u32 = 43;
export const REMW: u32 = 44;
export const REMUW: u32 = 45;
export const LB: u32 = 46;
export const LH: u32 = 47;
export const LW: u32 = 48;
export const LD: u32 = 49;
export const LBU: u32 = 50;
export const LHU: u32 = 51;
export const LWU: u32 = 52;
export const FLW: u32 = 53;
export const FLD: u32 = 54;
export const SB: u32 = 55;
export const SH: u32 = 56;
export const SW: u32 = 57;
export const SD: u32 = 58;
export const FSW: u32 = 59;
export const FSD: u32 = 60;
export const BEQ: u32 = 61; // the six branches in the order of funct3: 0 1 4 5 6 7
export const BNE: u32 = 62;
export const BLT: u32 = 63;
export const BGE: u32 = 64;
export const BLTU: u32 = 65;
export const BGEU: u32 = 66;
export const BRANCH_FAR: u32 = 67; // target in another page: rd byte holds funct3, imm the offset
export const JAL: u32 = 68;
export const J: u32 = 69;
export const JAL_FAR: u32 = 70;
export const J_FAR: u32 = 71;
export const JALR: u32 = 72;
export const JR: u32 = 73;
export const LOAD_X0: u32 = 74; // a load whose value is dropped; imm is the offset, rd byte the size
export const SYSTEM: u32 = 75;
export const AMO: u32 = 76;
export const FP: u32 = 77;
export const CROSSING: u32 = 78; // four-byte instruction in the last two bytes of a page
export const PAGE_END: u32 = 79; // sentinel behind the last slot
export const EBREAK: u32 = 80;
export const ILLEGAL: u32 = 81;

// Compressed forms that the execution loop tells apart, for they are shorter: operation | COMPRESSED.
export const C_NOP: u32 = 129;
export const C_LI: u32 = 130;
export const C_MV: u32 = 131;
export const C_ADDI: u32 = 132;
export const C_ANDI: u32 = 137;
export const C_SLLI: u32 = 138;
export const C_SRLI: u32 = 139;
export const C_SRAI: u32 = 140;
export const C_ADDIW: u32 = 141;
export const C_ADD: u32 = 146;
export const C_SUB: u32 = 147;
export const C_XOR: u32 = 151;
export const C_OR: u32 = 154;
export const C_AND: u32 = 155;
export const C_ADDW: u32 = 156;
export const C_SUBW: u32 = 157;
export const C_LW: u32 = 176;
export const C_LD: u32 = 177;
export const C_FLD: u32 = 182;
export const C_SW: u32 = 185;
export const C_SD: u32 = 186;
export const C_FSD: u32 = 188;
export const C_BEQ: u32 = 189;
export const C_BNE: u32 = 190;
export const C_BRANCH_FAR: u32 = 195;
export const C_J: u32 = 197;
export const C_J_FAR: u32 = 199;
export const C_JALR: u32 = 200;
export const C_JR: u32 = 201;

// Pairs that follow one another often, done in one dispatch. The slot of the second keeps its own uop, which
// is what the pair reads it from. Bit 7 is that of the first.
export const FIRST_PAIR: u32 = 82;
export const SD_THEN_SD: u32 = 82;
export const LD_THEN_LD: u32 = 83;
export const C_LD_THEN_C_LD: u32 = 212;
export const C_SD_THEN_C_SD: u32 = 213;
export const C_MV_THEN_C_MV: u32 = 214;
export const LBU_THEN_C_ADDI: u32 = 87;
export const LBU_THEN_C_ANDI: u32 = 88;
export const ADD_THEN_LBU: u32 = 89;
export const C_ADDI_THEN_C_SD: u32 = 218;
export const LBU_THEN_BEQ: u32 = 91;
export const C_ANDI_THEN_C_BNE: u32 = 220;
export const LI_THEN_BEQ: u32 = 93;
export const C_ADDI_THEN_C_JR: u32 = 222;
export const C_ADDI_THEN_C_J: u32 = 223;
export const C_LD_THEN_C_ADDI: u32 = 224;
export const C_ADDI_THEN_BNE: u32 = 225;
export const C_ADDI_THEN_BLTU: u32 = 226;
export const C_ADDI_THEN_C_BNE: u32 = 227;
export const CALL: u32 = 100;
export const AUIPC_THEN_ADDI: u32 = 101;
