/** RV64C: every compressed form does what its long form does; reserved encodings trap; mixed code runs. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Case, checkCases, FREE_ADDRESS, record, runProgram, TRAP_RECORDER } from './run-program.js';

const test = suite('RV64C');

/** Memory at a1 (= x11) and at sp; values in a2 (= x12) and s0. */
const PREPARE = `
    li a1, ${FREE_ADDRESS}
    li sp, ${FREE_ADDRESS + 0x400}
    li a2, 0x8877665544332211
    li a3, 0xfedcba9876543210
    sd a2, 0(a1); sd a3, 8(a1); sd a2, 248(a1); sd a3, 120(a1)
    sd a2, 0(sp); sd a3, 248(sp); sd a2, 504(sp)
    li t0, 0x6000
    csrs mstatus, t0
`;

function check(rows: readonly (readonly [string, string, bigint | number])[]): void {
  const cases: Case[] = rows.map(([name, code, expected]) => ({ name, code, expected }));
  checkCases(cases, PREPARE);
}

test('loads and stores of registers x8-x15', () => {
  check([
    ['c.lw', 'c.lw a0, 0(a1)', 0x44332211],
    ['c.lw sign', 'c.lw a0, 4(a1)', 0xffffffff88776655n],
    ['c.lw far', 'c.lw a0, 124(a1)', 0xfffffffffedcba98n],
    ['c.ld', 'c.ld a0, 8(a1)', 0xfedcba9876543210n],
    ['c.ld far', 'c.ld a0, 248(a1)', 0x8877665544332211n],
    ['c.fld', 'c.fld fa0, 248(a1); fmv.x.d a0, fa0', 0x8877665544332211n],
    ['c.sw', 'sd zero, 16(a1); c.sw a3, 16(a1); ld a0, 16(a1)', 0x76543210],
    ['c.sd', 'c.sd a3, 16(a1); ld a0, 16(a1)', 0xfedcba9876543210n],
    ['c.sd far', 'c.sd a3, 240(a1); ld a0, 240(a1)', 0xfedcba9876543210n],
    ['c.fsd', 'fmv.d.x fs0, a2; c.fsd fs0, 32(a1); ld a0, 32(a1)', 0x8877665544332211n],
    ['base = destination', 'mv a0, a1; c.ld a0, 0(a0)', 0x8877665544332211n],
  ]);
});

test('loads and stores relative to sp', () => {
  check([
    ['c.lwsp', 'c.lwsp a0, 252(sp)', 0xfffffffffedcba98n],
    ['c.ldsp', 'c.ldsp a0, 504(sp)', 0x8877665544332211n],
    ['c.fldsp', 'c.fldsp ft11, 248(sp); fmv.x.d a0, ft11', 0xfedcba9876543210n],
    ['c.swsp', 'sd zero, 64(sp); c.swsp a3, 68(sp); ld a0, 64(sp)', 0x7654321000000000n],
    ['c.sdsp', 'c.sdsp a3, 496(sp); ld a0, 496(sp)', 0xfedcba9876543210n],
    ['c.fsdsp', 'fmv.d.x ft0, a2; c.fsdsp ft0, 72(sp); ld a0, 72(sp)', 0x8877665544332211n],
  ]);
});

test('computation with immediates', () => {
  check([
    ['c.li', 'c.li a0, -32', -32],
    ['c.li', 'c.li a0, 31', 31],
    ['c.lui', 'c.lui a0, 31', 0x1f000],
    ['c.lui negative', 'c.lui a0, 0xfffe0', -0x20000],
    ['c.addi', 'li a0, 5; c.addi a0, -32', -27],
    ['c.addiw', 'li a0, 0x7fffffff; c.addiw a0, 1', -0x80000000],
    ['c.addiw 0', 'li a0, 0x1ffffffff; c.addiw a0, 0', -1],
    [
      'c.addi16sp',
      'c.addi16sp sp, -512; mv a0, sp; c.addi16sp sp, 496; c.addi16sp sp, 16',
      FREE_ADDRESS + 0x200,
    ],
    ['c.addi4spn', 'c.addi4spn a0, sp, 1020', FREE_ADDRESS + 0x7fc],
    ['c.addi4spn', 'c.addi4spn a0, sp, 4', FREE_ADDRESS + 0x404],
    ['c.slli', 'li a0, 1; c.slli a0, 63', -0x8000000000000000n],
    ['c.srli', 'li a0, -1; c.srli a0, 63', 1],
    ['c.srai', 'li a0, -256; c.srai a0, 4', -16],
    ['c.srai 32', 'li a0, -0x100000000; c.srai a0, 32', -1],
    ['c.andi', 'li a0, 0xff; c.andi a0, -16', 0xf0],
    ['c.nop', 'li a0, 7; c.nop', 7],
  ]);
});

test('computation with registers', () => {
  check([
    ['c.mv', 'c.mv a0, a2', 0x8877665544332211n],
    ['c.add', 'li a0, 1; li t6, 41; c.add a0, t6', 42],
    ['c.sub', 'li a0, 1; li a5, 3; c.sub a0, a5', -2],
    ['c.xor', 'li a0, 12; li a5, 10; c.xor a0, a5', 6],
    ['c.or', 'li a0, 12; li a5, 10; c.or a0, a5', 14],
    ['c.and', 'li a0, 12; li a5, 10; c.and a0, a5', 8],
    ['c.addw', 'li a0, 0x7fffffff; li a5, 1; c.addw a0, a5', -0x80000000],
    ['c.subw', 'li a0, -0x80000000; li a5, 1; c.subw a0, a5', 0x7fffffff],
  ]);
});

test('jumps and branches, linking to the instruction two bytes on', () => {
  check([
    ['c.j', 'li a0, 1; c.j 1f; li a0, 2; 1:', 1],
    ['c.j back', 'li a0, 0; c.j 2f; 1: c.addi a0, 1; c.j 3f; 2: c.j 1b; 3:', 1],
    ['c.beqz taken', 'li a0, 0; c.beqz a0, 1f; li a0, 2; 1:', 0],
    ['c.beqz not taken', 'li a0, 1; c.beqz a0, 1f; li a0, 2; 1:', 2],
    ['c.bnez taken', 'li a0, 1; c.bnez a0, 1f; li a0, 2; 1:', 1],
    ['c.bnez not taken', 'li a0, 0; c.bnez a0, 1f; li a0, 2; 1:', 2],
    ['c.jr', 'la a4, 1f; li a0, 1; c.jr a4; li a0, 2; 1:', 1],
    ['c.jalr', 'la a4, 1f; c.jalr a4; 2: nop; 1: la a5, 2b; sub a0, ra, a5', 0],
    ['c.jalr ra', 'la ra, 1f; c.jalr ra; 2: nop; 1: la a5, 2b; sub a0, ra, a5', 0],
    ['jal before a compressed one', 'jal a0, 1f; 2: c.nop; 1: la a5, 2b; sub a0, a0, a5', 0],
  ]);
});

test('hints change nothing', () => {
  check([
    ['c.addi x0 (nop with immediate)', 'li a0, 3; .half 0x0005', 3],
    ['c.addi a0, 0', 'li a0, 3; .half 0x0501', 3],
    ['c.li x0', 'li a0, 3; c.li zero, 5', 3],
    ['c.lui x0', 'li a0, 3; .half 0x6005', 3],
    ['c.mv x0', 'li a0, 3; c.mv zero, a0', 3],
    ['c.add x0', 'li a0, 3; c.add zero, a0; add a0, a0, zero', 3],
    ['c.slli x0', 'li a0, 3; .half 0x0006', 3],
  ]);
});

test('a long instruction may lie across two pages', () => {
  const { records } = runProgram(`
    j 1f
    .balign 4096
    .zero 4090
  1: c.li a0, 1
    c.nop
    c.li a1, 2
    addi a0, a0, 40             # two bytes before the page and two in it
    ${record('a0', 'a1')}
    j 2f
    .balign 4096
    .zero 4092
  2: c.nop
    jal a0, 3f                  # so is a jump
  4: c.nop
  3: la a1, 4b
    sub a0, a0, a1
    ${record('a0')}
  `);
  assert.equal(records, [41n, 2n, 0n]);
});

test('reserved encodings and c.ebreak trap at their own address', () => {
  const rows: [string, number, bigint][] = [
    ['all zeros', 0x0000, 2n],
    ['c.addi4spn with immediate 0', 0x0004, 2n],
    ['quadrant 0, funct3 4', 0x8000, 2n],
    ['c.addiw with rd = x0', 0x2005, 2n],
    ['c.addi16sp with immediate 0', 0x6101, 2n],
    ['c.lui with immediate 0', 0x6501, 2n],
    ['reserved arithmetic 1', 0x9c41, 2n],
    ['reserved arithmetic 2', 0x9c61, 2n],
    ['c.lwsp with rd = x0', 0x4002, 2n],
    ['c.ldsp with rd = x0', 0x6002, 2n],
    ['c.jr x0', 0x8002, 2n],
    ['c.ebreak', 0x9002, 3n],
  ];
  for (const [name, half, cause] of rows) {
    const { records, symbols } = runProgram(`
      ${TRAP_RECORDER}
      la s10, after
      c.nop
    fault:
      .half ${half}
      .balign 4
    after:
    `);
    const [mcause, mepc] = records;
    assert.equal([mcause, mepc], [cause, BigInt.asUintN(64, symbols.get('fault') as bigint)], name);
  }
});

test.run();
