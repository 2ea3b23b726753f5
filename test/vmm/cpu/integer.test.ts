/** RV64I: computation with its word forms, shifts, jumps and branches, loads and stores. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Case, checkCases, FREE_ADDRESS, record, runProgram } from './run-program.js';

const MIN = -0x8000000000000000n;
const MAX = 0x7fffffffffffffffn;

/** `op a0, a1, a2` for each row [op, a1, a2, expected]. */
function registerCases(
  rows: readonly (readonly [string, bigint | number, bigint | number, bigint | number])[],
): Case[] {
  return rows.map(([op, left, right, expected]) => ({
    name: `${op} ${left}, ${right}`,
    code: `li a1, ${left}; li a2, ${right}; ${op} a0, a1, a2`,
    expected,
  }));
}

/** `op a0, a1, immediate` for each row [op, a1, immediate, expected]. */
function immediateCases(
  rows: readonly (readonly [string, bigint | number, number, bigint | number])[],
): Case[] {
  return rows.map(([op, left, immediate, expected]) => ({
    name: `${op} ${left}, ${immediate}`,
    code: `li a1, ${left}; ${op} a0, a1, ${immediate}`,
    expected,
  }));
}

const compute = suite('RV64I computation');

compute('add and sub wrap at 64 bits', () => {
  checkCases(
    registerCases([
      ['add', 1, 2, 3],
      ['add', MAX, 1, MIN],
      ['add', -1, 1, 0],
      ['add', 0xffffffff, 1, 0x100000000],
      ['sub', 3, 5, -2],
      ['sub', MIN, 1, MAX],
      ['sub', 0, MIN, MIN],
    ]),
  );
});

compute('comparisons are signed or unsigned as named', () => {
  checkCases([
    ...registerCases([
      ['slt', -1, 0, 1],
      ['slt', 0, -1, 0],
      ['slt', MIN, MAX, 1],
      ['slt', 5, 5, 0],
      ['sltu', -1, 0, 0],
      ['sltu', 0, -1, 1],
      ['sltu', MIN, MAX, 0],
    ]),
    ...immediateCases([
      ['slti', -2, -1, 1],
      ['slti', 0, -1, 0],
      ['sltiu', 0, -1, 1],
      ['sltiu', -1, -1, 0],
      ['sltiu', 0, 1, 1],
      ['sltiu', 7, 0, 0],
    ]),
  ]);
});

compute('logical operations use the sign-extended immediate', () => {
  const a = 0x0ff00ff00ff00ff0n;
  const b = 0xf0f0f0f0f0f0f0f0n;
  checkCases([
    ...registerCases([
      ['xor', a, b, 0xff00ff00ff00ff00n],
      ['or', a, b, 0xfff0fff0fff0fff0n],
      ['and', a, b, 0x00f000f000f000f0n],
    ]),
    ...immediateCases([
      ['xori', a, -1, ~a],
      ['ori', a, -2048, a | -2048n],
      ['andi', a, -256, 0x0ff00ff00ff00f00n],
      ['andi', -1, 2047, 2047],
      ['addi', 2047, 2047, 4094],
      ['addi', MIN, -1, MAX],
    ]),
  ]);
});

compute('shifts take the low six bits of the amount', () => {
  checkCases([
    ...registerCases([
      ['sll', 1, 63, MIN],
      ['sll', 1, 64, 1],
      ['sll', 3, -1, MIN],
      ['srl', MIN, 63, 1],
      ['srl', -1, 65, MAX],
      ['sra', MIN, 63, -1],
      ['sra', MAX, 62, 1],
      ['sra', -256, 68, -16],
    ]),
    ...immediateCases([
      ['slli', 1, 32, 0x100000000n],
      ['slli', -1, 63, MIN],
      ['srli', -1, 32, 0xffffffffn],
      ['srli', -1, 0, -1],
      ['srai', MIN, 32, -0x80000000n],
      ['srai', -1, 63, -1],
    ]),
  ]);
});

compute('word forms use the low 32 bits and sign-extend the result', () => {
  checkCases([
    ...registerCases([
      ['addw', 0x7fffffff, 1, -0x80000000],
      ['addw', 0xffffffff, 1, 0],
      ['addw', 0x1_0000_0001n, 0x2_0000_0001n, 2],
      ['subw', 0, 1, -1],
      ['subw', -0x80000000, 1, 0x7fffffff],
      ['sllw', 1, 31, -0x80000000],
      ['sllw', 1, 32, 1],
      ['sllw', 0x1_0000_0001n, 33, 2],
      ['srlw', -1, 31, 1],
      ['srlw', 0xffffffff80000000n, 32, -0x80000000],
      ['sraw', 0x80000000, 31, -1],
      ['sraw', 0x1_7fffffffn, 30, 1],
      ['sraw', 0xf_00000010n, 36, 1],
    ]),
    ...immediateCases([
      ['addiw', 0x7fffffff, 1, -0x80000000],
      ['addiw', 0x5_ffffffffn, 0, -1],
      ['addiw', -1, 1, 0],
      ['slliw', 0x40000000, 1, -0x80000000],
      ['slliw', 0x1_00000000n, 0, 0],
      ['srliw', -1, 4, 0x0fffffff],
      ['srliw', 0x80000000, 0, -0x80000000],
      ['sraiw', 0x80000000, 4, -0x08000000],
      ['sraiw', 0xf_00000000n, 0, 0],
    ]),
  ]);
});

compute('lui and auipc sign-extend and count from the instruction', () => {
  checkCases([
    { name: 'lui positive', code: 'lui a0, 0x7ffff', expected: 0x7ffff000 },
    { name: 'lui negative', code: 'lui a0, 0x80000', expected: -0x80000000 },
    { name: 'auipc 0', code: '1: auipc a0, 0; la a1, 1b; sub a0, a0, a1', expected: 0 },
    { name: 'auipc 1', code: '1: auipc a0, 1; la a1, 1b; sub a0, a0, a1', expected: 0x1000 },
    {
      name: 'auipc negative',
      code: '1: auipc a0, 0x80000; la a1, 1b; sub a0, a0, a1',
      expected: -0x80000000,
    },
  ]);
});

compute('x0 stays 0 whatever writes to it', () => {
  const writers = [
    'addi x0, x0, 5',
    'lui x0, 5',
    'add x0, s11, s11',
    'jal x0, 1f; 1:',
    'ld x0, 0(a3)',
    'lr.d x0, (a3)',
  ];
  checkCases(
    writers.map((writer) => ({ name: writer, code: `${writer}; mv a0, x0`, expected: 0 })),
    `li a3, ${FREE_ADDRESS}; li a4, 7; sd a4, 0(a3)`,
  );
});

compute('an operation may read and write the same register', () => {
  checkCases([
    { name: 'add', code: 'li a0, 21; add a0, a0, a0', expected: 42 },
    { name: 'sub', code: 'li a0, 21; sub a0, a0, a0', expected: 0 },
    { name: 'sll', code: 'li a0, 3; sll a0, a0, a0', expected: 24 },
    { name: 'ld', code: `li a0, ${FREE_ADDRESS}; sd a0, 0(a0); ld a0, 0(a0)`, expected: FREE_ADDRESS },
  ]);
});

const flow = suite('RV64I jumps and branches');

flow('each branch is taken exactly when its condition holds', () => {
  const pairs: [bigint | number, bigint | number][] = [
    [1, 1],
    [1, 2],
    [2, 1],
    [-1, 1],
    [1, -1],
    [MIN, MAX],
    [-1, -1],
  ];
  const unsigned = (value: bigint | number) => BigInt.asUintN(64, BigInt(value));
  const conditions: Record<string, (a: bigint | number, b: bigint | number) => boolean> = {
    beq: (a, b) => a === b,
    bne: (a, b) => a !== b,
    blt: (a, b) => a < b,
    bge: (a, b) => a >= b,
    bltu: (a, b) => unsigned(a) < unsigned(b),
    bgeu: (a, b) => unsigned(a) >= unsigned(b),
  };
  const cases = Object.entries(conditions).flatMap(([op, holds]) =>
    pairs.map(([a, b]) => ({
      name: `${op} ${a}, ${b}`,
      code: `li a1, ${a}; li a2, ${b}; li a0, 1; ${op} a1, a2, 1f; li a0, 0; 1:`,
      expected: holds(a, b) ? 1 : 0,
    })),
  );
  checkCases(cases);
});

flow('branches and jal reach backwards and far', () => {
  const { records } = runProgram(`
    j 2f
  1: li a0, 1
    ${record('a0')}
    j 3f
    .zero 4072
  2: beq zero, zero, 1b
  3: li a0, 2
    jal far
    ${record('a0')}
    j exit
    .zero 0x80000
  far:
    addi a0, a0, 1
    ret
  `);
  assert.equal(records, [1n, 3n]);
});

flow('jal and jalr link to the next instruction', () => {
  checkCases([
    { name: 'jal', code: 'jal a0, 1f; 2: nop; 1: la a1, 2b; sub a0, a0, a1', expected: 0 },
    { name: 'jalr', code: 'la a1, 1f; jalr a0, 0(a1); 2: nop; 1: la a1, 2b; sub a0, a0, a1', expected: 0 },
  ]);
});

flow('jalr clears the lowest bit of its target and reads its base before it links', () => {
  checkCases([
    { name: 'odd base', code: 'la a1, 1f; li a0, 0; jalr ra, 1(a1); li a0, 1; 1:', expected: 0 },
    {
      name: 'offset',
      code: 'la a1, 1f; li a0, 0; jalr ra, -2048(a1); li a0, 1; 1:'.replace('1f', '1f + 2048'),
      expected: 0,
    },
    {
      name: 'same register',
      code: 'la a1, 1f; li a0, 0; jalr a1, 0(a1); 2: li a0, 1; 1: la a2, 2b; sub a0, a1, a2',
      expected: 0,
    },
  ]);
});

const memory = suite('RV64I loads and stores');

const FILL = `
    li a1, ${FREE_ADDRESS}
    li a2, 0xf1e2d3c4b5a69788
    sd a2, 0(a1)
    li a2, 0x0123456789abcdef
    sd a2, 8(a1)
`;

memory('loads extend by sign or by zero as named', () => {
  checkCases(
    [
      { name: 'lb', code: 'lb a0, 0(a1)', expected: -0x78 },
      { name: 'lb', code: 'lb a0, 15(a1)', expected: 0x01 },
      { name: 'lbu', code: 'lbu a0, 0(a1)', expected: 0x88 },
      { name: 'lh', code: 'lh a0, 0(a1)', expected: -0x6878 },
      { name: 'lhu', code: 'lhu a0, 0(a1)', expected: 0x9788 },
      { name: 'lw', code: 'lw a0, 4(a1)', expected: 0xfffffffff1e2d3c4n },
      { name: 'lwu', code: 'lwu a0, 4(a1)', expected: 0xf1e2d3c4 },
      { name: 'lw positive', code: 'lw a0, 12(a1)', expected: 0x01234567 },
      { name: 'ld', code: 'ld a0, 0(a1)', expected: 0xf1e2d3c4b5a69788n },
      { name: 'negative offset', code: 'addi a3, a1, 16; ld a0, -8(a3)', expected: 0x0123456789abcdefn },
    ],
    FILL,
  );
});

memory('stores change exactly their bytes', () => {
  const store = (op: string, offset: number) =>
    `li a4, -1; sd zero, 0(a1); ${op} a4, ${offset}(a1); ld a0, 0(a1)`;
  checkCases(
    [
      { name: 'sb 0', code: store('sb', 0), expected: 0xff },
      { name: 'sb 7', code: store('sb', 7), expected: 0xff00000000000000n },
      { name: 'sh 2', code: store('sh', 2), expected: 0xffff0000 },
      { name: 'sw 4', code: store('sw', 4), expected: 0xffffffff00000000n },
      { name: 'sd 0', code: store('sd', 0), expected: 0xffffffffffffffffn },
    ],
    FILL,
  );
});

memory('misaligned accesses work, within a page and across two', () => {
  const cases = [1, 3, 5, 7, 0xff9, 0xffa, 0xffb, 0xffc, 0xffd, 0xffe, 0xfff].flatMap((offset) => {
    const prepare = `li a1, ${FREE_ADDRESS + offset}; li a2, 0x8877665544332211`;
    const clear = 'sb zero, 0(a1); sb zero, 1(a1); sb zero, 2(a1); sb zero, 3(a1)';
    const bytes = 'lbu a0, 0(a1); lbu a4, 3(a1); slli a4, a4, 8; or a0, a0, a4';
    return [
      {
        name: `sd+ld at ${offset}`,
        code: `${prepare}; sd a2, 0(a1); ld a0, 0(a1)`,
        expected: 0x8877665544332211n,
      },
      { name: `sw+lw at ${offset}`, code: `${prepare}; sw a2, 0(a1); lw a0, 0(a1)`, expected: 0x44332211 },
      { name: `sh+lhu at ${offset}`, code: `${prepare}; sh a2, 0(a1); lhu a0, 0(a1)`, expected: 0x2211 },
      {
        name: `lwu of sd at ${offset}`,
        code: `${prepare}; sd a2, 0(a1); lwu a0, 4(a1)`,
        expected: 0x88776655,
      },
      {
        name: `sw by bytes at ${offset}`,
        code: `${prepare}; ${clear}; sw a2, 0(a1); ${bytes}`,
        expected: 0x4411,
      },
    ];
  });
  checkCases(cases);
});

memory('fences change nothing that one hart can see', () => {
  checkCases([
    { name: 'fence', code: 'li a0, 1; fence; fence rw, w; fence.tso; fence i, o', expected: 1 },
    { name: 'hint with unknown bits', code: 'li a0, 1; .word 0x0ff0000f | 0xf << 28', expected: 1 },
  ]);
});

compute.run();
flow.run();
memory.run();
