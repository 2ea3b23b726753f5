/**
 * The 32-bit instructions: fixed bits and operands of each, by group as in the chapters of the ISA manual:
 * RV64I, Zifencei, Zicsr, M, A, F, D and the privileged ones. The 16-bit ones are in `compressed.ts`.
 */
export interface Instruction {
  readonly sizeBytes: 2 | 4;
  readonly fixedBits: number;
  /** Names in `operands.ts`. */
  readonly operands: readonly string[];
  /** What a left-out last operand `rm` means. */
  readonly defaultRounding?: 'dyn' | 'rne';
}

const table = new Map<string, Instruction>();

function define(name: string, fixedBits: number, operands: string, defaultRounding?: 'dyn' | 'rne'): void {
  table.set(name, {
    sizeBytes: 4,
    fixedBits: fixedBits >>> 0,
    operands: operands === '' ? [] : operands.split(' '),
    ...(defaultRounding === undefined ? {} : { defaultRounding }),
  });
}

const funct3 = (value: number) => value << 12;
const funct7 = (value: number) => value << 25;

/** Names that share an opcode and count funct3 up from 0; `-` leaves one out. */
function byFunct3(names: string, fixedBits: number, operands: string): void {
  names.split(' ').forEach((name, index) => {
    if (name !== '-') define(name, fixedBits | funct3(index), operands);
  });
}

function defineBase(): void {
  define('lui', 0x37, 'rd u');
  define('auipc', 0x17, 'rd u');
  define('jal', 0x6f, 'rd jump');
  define('jalr', 0x67, 'rd load');
  byFunct3('beq bne - - blt bge bltu bgeu', 0x63, 'rs1 rs2 branch');
  byFunct3('lb lh lw ld lbu lhu lwu', 0x03, 'rd load');
  byFunct3('sb sh sw sd', 0x23, 'rs2 store');
  byFunct3('addi - slti sltiu xori - ori andi', 0x13, 'rd rs1 i');
  define('addiw', 0x1b, 'rd rs1 i');
  byFunct3('- slli - - - srli', 0x13, 'rd rs1 shamt6');
  define('srai', 0x13 | funct3(5) | funct7(0x20), 'rd rs1 shamt6');
  byFunct3('- slliw - - - srliw', 0x1b, 'rd rs1 shamt5');
  define('sraiw', 0x1b | funct3(5) | funct7(0x20), 'rd rs1 shamt5');
  byFunct3('add sll slt sltu xor srl or and', 0x33, 'rd rs1 rs2');
  byFunct3('sub - - - - sra', 0x33 | funct7(0x20), 'rd rs1 rs2');
  byFunct3('addw sllw - - - srlw', 0x3b, 'rd rs1 rs2');
  byFunct3('subw - - - - sraw', 0x3b | funct7(0x20), 'rd rs1 rs2');
  define('fence', 0x0f, 'pred succ');
  define('fence.tso', 0x8330000f, '');
  define('fence.i', 0x100f, '');
  define('ecall', 0x73, '');
  define('ebreak', 0x100073, '');
}

function definePrivileged(): void {
  byFunct3('- csrrw csrrs csrrc', 0x73, 'rd csr rs1');
  byFunct3('- - - - - csrrwi csrrsi csrrci', 0x73, 'rd csr uimm5');
  define('sret', 0x10200073, '');
  define('mret', 0x30200073, '');
  define('wfi', 0x10500073, '');
  define('sfence.vma', 0x12000073, 'rs1 rs2');
}

function defineMultiply(): void {
  byFunct3('mul mulh mulhsu mulhu div divu rem remu', 0x33 | funct7(1), 'rd rs1 rs2');
  byFunct3('mulw - - - divw divuw remw remuw', 0x3b | funct7(1), 'rd rs1 rs2');
}

function defineAtomic(): void {
  const operations: Readonly<Record<string, number>> = {
    amoadd: 0x00,
    amoswap: 0x01,
    lr: 0x02,
    sc: 0x03,
    amoxor: 0x04,
    amoor: 0x08,
    amoand: 0x0c,
    amomin: 0x10,
    amomax: 0x14,
    amominu: 0x18,
    amomaxu: 0x1c,
  };
  const orderings: readonly [string, number][] = [
    ['', 0],
    ['.rl', 1],
    ['.aq', 2],
    ['.aqrl', 3],
  ];
  for (const [name, funct5] of Object.entries(operations)) {
    for (const [ordering, bits] of orderings) {
      for (const [width, size] of [['.w', 2] as const, ['.d', 3] as const]) {
        const fixedBits = 0x2f | funct3(size) | funct7((funct5 << 2) | bits);
        define(`${name}${width}${ordering}`, fixedBits, name === 'lr' ? 'rd base' : 'rd rs2 base');
      }
    }
  }
}

/** The instructions that F and D have in common; `format` is 0 for single and 1 for double. */
function defineFloat(suffix: 's' | 'd', format: 0 | 1): void {
  const op = (funct5: number) => 0x53 | funct7((funct5 << 2) | format);
  const rs2 = (value: number) => value << 20;
  ['fadd', 'fsub', 'fmul', 'fdiv'].forEach((name, index) => {
    define(`${name}.${suffix}`, op(index), 'frd frs1 frs2 rm', 'dyn');
  });
  define(`fsqrt.${suffix}`, op(0x0b), 'frd frs1 rm', 'dyn');
  ['fmadd', 'fmsub', 'fnmsub', 'fnmadd'].forEach((name, index) => {
    define(`${name}.${suffix}`, 0x43 | (index << 2) | (format << 25), 'frd frs1 frs2 frs3 rm', 'dyn');
  });
  byFunct3(`fsgnj.${suffix} fsgnjn.${suffix} fsgnjx.${suffix}`, op(0x04), 'frd frs1 frs2');
  byFunct3(`fmin.${suffix} fmax.${suffix}`, op(0x05), 'frd frs1 frs2');
  byFunct3(`fle.${suffix} flt.${suffix} feq.${suffix}`, op(0x14), 'rd frs1 frs2');
  define(`fclass.${suffix}`, op(0x1c) | funct3(1), 'rd frs1');
  ['w', 'wu', 'l', 'lu'].forEach((integer, index) => {
    define(`fcvt.${integer}.${suffix}`, op(0x18) | rs2(index), 'rd frs1 rm', 'dyn');
    const exact = suffix === 'd' && index < 2;
    define(`fcvt.${suffix}.${integer}`, op(0x1a) | rs2(index), 'frd rs1 rm', exact ? 'rne' : 'dyn');
  });
  const load = format === 0 ? 'w' : 'd';
  define(`fl${load}`, 0x07 | funct3(2 + format), 'frd load');
  define(`fs${load}`, 0x27 | funct3(2 + format), 'frs2 store');
  const moved = format === 0 ? 'w' : 'd';
  define(`fmv.x.${moved}`, op(0x1c), 'rd frs1');
  define(`fmv.${moved}.x`, op(0x1e), 'frd rs1');
}

function defineFloatConversions(): void {
  define('fcvt.s.d', 0x53 | funct7(0x20) | (1 << 20), 'frd frs1 rm', 'dyn');
  define('fcvt.d.s', 0x53 | funct7(0x21), 'frd frs1 rm', 'rne');
}

defineBase();
definePrivileged();
defineMultiply();
defineAtomic();
defineFloat('s', 0);
defineFloat('d', 1);
defineFloatConversions();

export const INSTRUCTIONS: ReadonlyMap<string, Instruction> = table;
