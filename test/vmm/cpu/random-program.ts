/**
 * Random programs for the differential tests. A program loads all registers from a pool of telling values, runs a
 * list of units, and records x, f, fcsr and a checksum of its scratch memory. A unit is an instruction, or a few that
 * belong together (a branch and what it jumps over, lr and sc, a short loop), so any prefix of the list is a program.
 *
 * Reserved: x24 pool, x25 loop counter, x26 middle of the scratch memory, x27 records (the frame's).
 */
import { FREE_ADDRESS } from './program.js';
import type { Random } from './random.js';

const POOL_VALUES = 256;
const SCRATCH_BYTES = 0x2000;
/** So that ±2047 reaches into three pages. */
const SCRATCH_MIDDLE = FREE_ADDRESS + 0x17f8;
const RECORDED = [...Array(31).keys()].map((i) => i + 1).filter((i) => i < 24 || i > 27);

export const REGISTERS = RECORDED.map((i) => `x${i}`);
const POPULAR = REGISTERS.filter((_, i) => i >= 7 && i <= 14);
const FLOATS = [...Array(32).keys()].map((i) => `f${i}`);
const POPULAR_FLOATS = FLOATS.slice(8, 16);

/** Names of what one program records, in order. */
export const RECORD_NAMES = [...REGISTERS, ...FLOATS, 'fcsr', 'memory'];

type Unit = (random: Random) => string;

function integerValue(random: Random): bigint {
  const shift = BigInt(random.between(0, 63));
  return random.pick([
    () => random.bits(),
    () => random.bits() >> shift,
    () => 1n << shift,
    () => (1n << shift) - 1n,
    () => BigInt.asUintN(64, -(1n << shift)),
    () => BigInt.asUintN(64, BigInt.asIntN(32, random.bits())),
    () => BigInt(random.between(0, 64)),
    () => BigInt.asUintN(64, BigInt(random.between(-64, 0))),
  ])();
}

const DOUBLES = [
  0n,
  1n << 63n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0x7ff0000000000001n,
  0xfff8000012345678n,
  1n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x41dfffffffc00000n,
  0xc1e0000000000000n,
  0x43e0000000000000n,
  0x4330000000000001n,
];
const SINGLES = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 1, 0x007fffff,
]
  .concat([0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x4b000001])
  .map(BigInt);

function floatValue(random: Random): bigint {
  const boxed = (bits: bigint) => 0xffffffff00000000n | BigInt.asUintN(32, bits);
  const near = (bias: number, width: bigint) =>
    (BigInt(bias + random.between(-30, 30)) << width) | (random.bits() & ((1n << width) - 1n));
  return random.pick([
    () => random.pick(DOUBLES),
    () => boxed(random.pick(SINGLES)),
    () => random.bits(),
    () => boxed(random.bits()),
    () => near(1023, 52n) | ((random.bits() & 1n) << 63n),
    () => boxed(near(127, 23n) | ((random.bits() & 1n) << 31n)),
    () => random.bits() & 0x801fffffffffffffn,
    () => boxed(random.bits() & 0x80ffffffn),
  ])();
}

const x = (random: Random) => random.pick(REGISTERS);
const f = (random: Random) => random.pick(FLOATS);
const immediate = (random: Random) => random.between(-2048, 2047);

/** The lists of mnemonics by the operands that they take. */
const THREE = 'add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw'.split(' ');
const MULTIPLY = 'mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw'.split(' ');
const IMMEDIATE = 'addi slti sltiu xori ori andi addiw'.split(' ');
const BRANCHES = 'beq bne blt bge bltu bgeu'.split(' ');
const LOADS = 'lb lh lw ld lbu lhu lwu'.split(' ');
const STORES = 'sb sh sw sd'.split(' ');
const ATOMICS = 'amoswap amoadd amoxor amoand amoor amomin amomax amominu amomaxu'.split(' ');

const refresh: Unit = (r) => `ld ${x(r)}, ${8 * r.between(0, POOL_VALUES / 2 - 1)}(x24)`;
const registers: Unit = (r) => `${r.pick(THREE)} ${x(r)}, ${x(r)}, ${x(r)}`;
const multiply: Unit = (r) => `${r.pick(MULTIPLY)} ${x(r)}, ${x(r)}, ${x(r)}`;
const immediates: Unit = (r) => `${r.pick(IMMEDIATE)} ${x(r)}, ${x(r)}, ${immediate(r)}`;
const shifts: Unit = (r) =>
  r.pick([
    () => `${r.pick(['slli', 'srli', 'srai'])} ${x(r)}, ${x(r)}, ${r.between(0, 63)}`,
    () => `${r.pick(['slliw', 'srliw', 'sraiw'])} ${x(r)}, ${x(r)}, ${r.between(0, 31)}`,
  ])();
const upper: Unit = (r) => `${r.pick(['lui', 'auipc'])} ${x(r)}, ${r.between(0, 0xfffff)}`;
const branch: Unit = (r) => `${r.pick(BRANCHES)} ${x(r)}, ${x(r)}, 1f; ${registers(r)}; ${immediates(r)}; 1:`;
const jump: Unit = (r) => {
  const distance = immediate(r);
  return r.pick([
    () => `jal ${x(r)}, 1f; ${registers(r)}; 1:`,
    () => `la x5, 1f - (${distance}); jalr ${x(r)}, ${distance}(x5); ${registers(r)}; 1:`,
  ])();
};
const load: Unit = (r) => `${r.pick(LOADS)} ${x(r)}, ${immediate(r)}(x26)`;
const store: Unit = (r) => `${r.pick(STORES)} ${x(r)}, ${immediate(r)}(x26)`;

/** An aligned place in the scratch memory, in x5. */
const place = (r: Random, size: number) => `addi x5, x26, ${size * r.between(-2048 / size, 2048 / size - 1)}`;
const atomic: Unit = (r) => {
  const [width, size] = r.pick([
    ['w', 4],
    ['d', 8],
  ] as const);
  return r.pick([
    () => `${place(r, size)}; ${r.pick(ATOMICS)}.${width} ${x(r)}, ${x(r)}, (x5)`,
    () => `${place(r, size)}; lr.${width} ${r.pick(POPULAR)}, (x5); sc.${width} ${x(r)}, ${x(r)}, (x5)`,
  ])();
};

const skip: Unit = (r) => `c.addi ${x(r)}, ${r.pick([-32, -1, 1, 31])}`;
const compressed: Unit = (r) => {
  const p = () => r.pick(POPULAR);
  const low = () => r.between(-32, 31);
  return r.pick([
    () => `c.addi ${x(r)}, ${low()}`,
    () => `c.addiw ${x(r)}, ${low()}`,
    () => `c.li ${x(r)}, ${low()}`,
    () =>
      `c.lui ${r.pick(REGISTERS.filter((name) => name !== 'x2'))}, ${r.pick([1, 15, 31, 0xfffe0, 0xfffff])}`,
    () => `c.addi16sp sp, ${16 * r.pick([-32, -1, 1, 31])}`,
    () => `c.addi4spn ${p()}, sp, ${4 * r.between(1, 255)}`,
    () => `${r.pick(['c.srli', 'c.srai'])} ${p()}, ${r.between(1, 63)}`,
    () => `c.slli ${x(r)}, ${r.between(1, 63)}`,
    () => `c.andi ${p()}, ${low()}`,
    () => `${r.pick(['c.sub', 'c.xor', 'c.or', 'c.and', 'c.subw', 'c.addw'])} ${p()}, ${p()}`,
    () => `${r.pick(['c.mv', 'c.add'])} ${x(r)}, ${x(r)}`,
  ])();
};
const compressedMemory: Unit = (r) => {
  const p = () => r.pick(POPULAR);
  const pf = () => r.pick(POPULAR_FLOATS);
  return r.pick([
    () => `mv x9, x26; c.lw ${p()}, ${4 * r.between(0, 31)}(x9)`,
    () => `mv x9, x26; c.sw ${p()}, ${4 * r.between(0, 31)}(x9)`,
    () => `mv x9, x26; c.ld ${p()}, ${8 * r.between(0, 31)}(x9)`,
    () => `mv x9, x26; c.sd ${p()}, ${8 * r.between(0, 31)}(x9)`,
    () => `mv x9, x26; c.fld ${pf()}, ${8 * r.between(0, 31)}(x9)`,
    () => `mv x9, x26; c.fsd ${pf()}, ${8 * r.between(0, 31)}(x9)`,
    () => `mv x2, x26; c.lwsp ${x(r)}, ${4 * r.between(0, 63)}(sp)`,
    () => `mv x2, x26; c.swsp ${x(r)}, ${4 * r.between(0, 63)}(sp)`,
    () => `mv x2, x26; c.ldsp ${x(r)}, ${8 * r.between(0, 63)}(sp)`,
    () => `mv x2, x26; c.sdsp ${x(r)}, ${8 * r.between(0, 63)}(sp)`,
    () => `mv x2, x26; c.fldsp ${f(r)}, ${8 * r.between(0, 63)}(sp)`,
    () => `mv x2, x26; c.fsdsp ${f(r)}, ${8 * r.between(0, 63)}(sp)`,
  ])();
};
const compressedFlow: Unit = (r) =>
  r.pick([
    () => `c.j 1f; ${skip(r)}; 1:`,
    () => `${r.pick(['c.beqz', 'c.bnez'])} ${r.pick(POPULAR)}, 1f; ${skip(r)}; ${skip(r)}; 1:`,
    () => `la x7, 1f; ${r.pick(['c.jr', 'c.jalr'])} x7; ${skip(r)}; 1:`,
  ])();

const rounding = (r: Random) => r.pick(['', '', ', rne', ', rtz', ', rdn', ', rup', ', rmm']);
const refreshFloat: Unit = (r) => `fld ${f(r)}, ${8 * r.between(-POOL_VALUES / 2, -1)}(x24)`;
const arithmetic = (format: 's' | 'd'): Unit => {
  return (r) =>
    r.pick([
      () => `${r.pick(['fadd', 'fsub', 'fmul', 'fdiv'])}.${format} ${f(r)}, ${f(r)}, ${f(r)}${rounding(r)}`,
      () =>
        `${r.pick(['fmadd', 'fmsub', 'fnmsub', 'fnmadd'])}.${format} ${f(r)}, ${f(r)}, ${f(r)}, ${f(r)}${rounding(r)}`,
      () => `fsqrt.${format} ${f(r)}, ${f(r)}${rounding(r)}`,
      () => `${r.pick(['fsgnj', 'fsgnjn', 'fsgnjx', 'fmin', 'fmax'])}.${format} ${f(r)}, ${f(r)}, ${f(r)}`,
      () => `${r.pick(['feq', 'flt', 'fle'])}.${format} ${x(r)}, ${f(r)}, ${f(r)}`,
      () => `fclass.${format} ${x(r)}, ${f(r)}`,
      () => `fcvt.${r.pick(['w', 'wu', 'l', 'lu'])}.${format} ${x(r)}, ${f(r)}${rounding(r)}`,
      () => `fcvt.${format}.${r.pick(['w', 'wu', 'l', 'lu'])} ${f(r)}, ${x(r)}${rounding(r)}`,
    ])();
};
const floatMoves: Unit = (r) =>
  r.pick([
    () => `fcvt.s.d ${f(r)}, ${f(r)}${rounding(r)}`,
    () => `fcvt.d.s ${f(r)}, ${f(r)}`,
    () => `${r.pick(['fmv.x.w', 'fmv.x.d'])} ${x(r)}, ${f(r)}`,
    () => `${r.pick(['fmv.w.x', 'fmv.d.x'])} ${f(r)}, ${x(r)}`,
    () => `${r.pick(['flw', 'fld'])} ${f(r)}, ${immediate(r)}(x26)`,
    () => `${r.pick(['fsw', 'fsd'])} ${f(r)}, ${immediate(r)}(x26)`,
    () => `fsrmi ${r.between(0, 4)}`,
    () => `csrrci ${x(r)}, fflags, ${r.between(0, 31)}`,
    () => `frcsr ${x(r)}`,
  ])();

const INTEGER = [registers, registers, immediates, shifts, multiply, upper, branch, jump, refresh];
const MEMORY = [load, store, atomic, registers, refresh];
const COMPRESSED = [compressed, compressed, compressedMemory, compressedFlow, registers, refresh];
const SINGLE = [arithmetic('s'), arithmetic('s'), floatMoves, refreshFloat, refreshFloat];
const DOUBLE = [arithmetic('d'), arithmetic('d'), floatMoves, refreshFloat, refreshFloat];

/** The groups of instructions that are tried apart, and all of them together. */
export const GROUPS: Readonly<Record<string, readonly Unit[]>> = {
  integer: INTEGER,
  memory: MEMORY,
  compressed: COMPRESSED,
  single: SINGLE,
  double: DOUBLE,
  everything: [...INTEGER, ...MEMORY, ...COMPRESSED, ...SINGLE, ...DOUBLE],
};

function loop(units: readonly Unit[], random: Random): string {
  const body = Array.from({ length: random.between(1, 6) }, () => random.pick(units)(random));
  return `li x25, ${random.between(1, 40)}; 9: ${body.join('; ')}; addi x25, x25, -1; bnez x25, 9b`;
}

/** Units of one program of a group; about one in ten is a loop. */
export function randomUnits(group: string, count: number, random: Random): string[] {
  const units = GROUPS[group] as readonly Unit[];
  return Array.from({ length: count }, () => {
    return random.between(0, 9) === 0 ? loop(units, random) : random.pick(units)(random);
  });
}

/** The data that programs load their registers from; `random_pool` is its middle. */
export function randomPool(random: Random): string {
  const dwords = (make: (random: Random) => bigint) =>
    Array.from({ length: POOL_VALUES / 2 }, () => `.dword ${make(random)}`).join('\n');
  return `
    j pool_end
    .align 3
    ${dwords(floatValue)}
  random_pool:
    ${dwords(integerValue)}
  pool_end:
    li t0, 0x6000
    csrs mstatus, t0
  `;
}

/** A program out of units, as a part of a body for `runProgram`. */
export function randomProgram(units: readonly string[], random: Random): string {
  const offset = () => 8 * random.between(0, POOL_VALUES / 2 - 1);
  const loads = REGISTERS.map((name) => `ld ${name}, ${offset()}(x24)`);
  const floatLoads = FLOATS.map((name) => `fld ${name}, ${offset() - 4 * POOL_VALUES}(x24)`);
  const dump = [...REGISTERS.map((name) => `sd ${name}`), ...FLOATS.map((name) => `fsd ${name}`)];
  return `
    li x26, ${SCRATCH_MIDDLE}
    li x5, ${FREE_ADDRESS}
    li x6, ${FREE_ADDRESS + SCRATCH_BYTES}
    li x7, 0x9e3779b97f4a7c15
  1: mul x8, x5, x7
    sd x8, 0(x5)
    addi x5, x5, 8
    bltu x5, x6, 1b
    la x24, random_pool
    fscsr zero
    fsrmi ${random.between(0, 4)}
    ${loads.join('\n')}
    ${floatLoads.join('\n')}
    ${units.join('\n')}
    ${dump.map((store, index) => `${store}, ${8 * index}(x27)`).join('\n')}
    frcsr x5
    li x6, ${FREE_ADDRESS}
    li x7, ${FREE_ADDRESS + SCRATCH_BYTES}
    li x8, 0
    li x9, 31
  1: ld x10, 0(x6)
    mul x8, x8, x9
    add x8, x8, x10
    addi x6, x6, 8
    bltu x6, x7, 1b
    sd x5, ${8 * dump.length}(x27)
    sd x8, ${8 * dump.length + 8}(x27)
    addi x27, x27, ${8 * RECORD_NAMES.length}
  `;
}
