/** The floating-point state: FS in mstatus, fcsr and its views, dynamic and reserved rounding modes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCases, FREE_ADDRESS, record, runProgram, TRAP_RECORDER } from './run-program.js';

const test = suite('float state');

const FS = 0x6000n;
const SD = 1n << 63n;
const ON = 'li t0, 0x6000; csrs mstatus, t0';

/** mcause of one instruction with the given prologue, or null when it does not trap. */
function causeOf(prologue: string, instruction: string): bigint | null {
  const { records } = runProgram(`
    ${prologue}
    ${TRAP_RECORDER}
    li a1, ${FREE_ADDRESS}
    la s10, after
    ${instruction}
    j after
  after:
  `);
  return records[0] ?? null;
}

const TOUCHING = [
  'fadd.s fa0, fa1, fa2',
  'fmadd.d fa0, fa1, fa2, fa3',
  'fsgnj.d fa0, fa1, fa2',
  'feq.s a0, fa1, fa2',
  'fmv.x.d a0, fa0',
  'fmv.w.x fa0, a0',
  'fcvt.d.w fa0, a0',
  'flw fa0, 0(a1)',
  'fsd fa0, 0(a1)',
  'c.fld fa0, 0(a1)',
  'c.fsdsp fa0, 0(sp)',
  'frcsr a0',
  'fsrmi 0',
  'fsflags a0',
];

test('with FS off every floating-point instruction and CSR is illegal', () => {
  const off = `li t0, 0x6000; csrc mstatus, t0; li sp, ${FREE_ADDRESS}`;
  for (const instruction of TOUCHING) assert.is(causeOf(off, instruction), 2n, instruction);
});

test('with FS on none of them is', () => {
  const on = `${ON}; li sp, ${FREE_ADDRESS}`;
  for (const instruction of TOUCHING) assert.is(causeOf(on, instruction), null, instruction);
});

test('FS becomes dirty when floating-point state is written, and SD follows', () => {
  const changes = [
    'fadd.s fa0, fa1, fa2',
    'fld fa0, 0(a1)',
    'fmv.d.x fa0, a1',
    'fsrmi 1',
    'fsflagsi 1',
    'fsgnj.s fa0, fa1, fa1',
  ];
  for (const change of changes) {
    const { records } = runProgram(`
      li a1, ${FREE_ADDRESS}
      li t0, 0x6000
      csrc mstatus, t0
      li t0, 0x2000             # initial
      csrs mstatus, t0
      csrr a0, mstatus
      ${record('a0')}
      ${change}
      csrr a0, mstatus
      csrr a1, sstatus
      ${record('a0', 'a1')}
    `);
    const [before, after, supervisor] = records as [bigint, bigint, bigint];
    assert.is(before & (FS | SD), 0x2000n, change);
    assert.is(after & (FS | SD), FS | SD, change);
    assert.is(supervisor & (FS | SD), FS | SD, change);
  }
});

test('fcsr, frm and fflags are views of one register', () => {
  checkCases(
    [
      { name: 'fcsr has 8 bits', code: 'li a1, -1; fscsr a1; frcsr a0', expected: 0xff },
      { name: 'frm', code: 'li a1, 0x5f; fscsr a1; frrm a0', expected: 2 },
      { name: 'fflags', code: 'li a1, 0xf5; fscsr a1; frflags a0', expected: 0x15 },
      { name: 'writing frm keeps flags', code: 'li a1, 0x1f; fscsr a1; fsrmi 3; frcsr a0', expected: 0x7f },
      {
        name: 'writing fflags keeps frm',
        code: 'li a1, 0x60; fscsr a1; fsflagsi 1; frcsr a0',
        expected: 0x61,
      },
      { name: 'frm takes three bits', code: 'li a1, 0xff; csrw frm, a1; frcsr a0', expected: 0xe0 | 1 },
      {
        name: 'swap returns the old value',
        code: 'li a1, 0x42; fscsr a1; li a1, 0; fscsr a0, a1',
        expected: 0x42,
      },
      {
        name: 'csrrs on fflags',
        code: 'fscsr zero; csrsi fflags, 5; csrci fflags, 1; frcsr a0',
        expected: 4,
      },
    ],
    `${ON}`,
  );
});

test('flags accumulate until they are cleared', () => {
  checkCases(
    [
      {
        name: 'NX then DZ',
        code: `fsflagsi 0; li a1, 1; li a2, 3; fcvt.d.l fa1, a1; fcvt.d.l fa2, a2; fcvt.d.l fa3, zero
               fdiv.d fa0, fa1, fa2; fdiv.d fa0, fa1, fa3; fadd.d fa0, fa1, fa1; frflags a0`,
        expected: 9,
      },
    ],
    ON,
  );
});

test('the dynamic rounding mode is that of frm', () => {
  const sum =
    'li a1, 1; fcvt.d.l fa1, a1; li a1, 0x3ca0000000000000; fmv.d.x fa2, a1; fadd.d fa0, fa1, fa2; fmv.x.d a0, fa0';
  checkCases(
    [0, 1, 2, 3, 4].map((mode) => ({
      name: `frm ${mode}`,
      code: `fsrmi ${mode}; ${sum}`,
      expected: 0x3ff0000000000000n + (mode >= 3 ? 1n : 0n),
    })),
    ON,
  );
});

test('a reserved rounding mode is illegal, static or dynamic', () => {
  for (const mode of [5, 6]) {
    assert.is(causeOf(ON, `.word 0x02c58553 | ${mode} << 12`), 2n, `static ${mode}`);
  }
  for (const mode of [5, 6, 7]) {
    assert.is(causeOf(`${ON}; fsrmi ${mode}`, 'fadd.d fa0, fa1, fa2'), 2n, `dynamic ${mode}`);
  }
  assert.is(causeOf(`${ON}; fsrmi 7`, 'fadd.d fa0, fa1, fa2, rtz'), null, 'static mode does not look at frm');
  assert.is(causeOf(`${ON}; fsrmi 7`, 'fsgnj.d fa0, fa1, fa2'), null, 'sign injection has no mode');
});

test('formats and operations that do not exist are illegal', () => {
  const words: [string, string][] = [
    ['fadd.h', '0x04c5f553'],
    ['fadd.q', '0x06c5f553'],
    ['fsgnj with funct3 3', '0x22c5b553'],
    ['fcvt.w.d with rs2 4', '0xc245f553'],
    ['fmv.x.d with rs2 1', '0xe2158553'],
    ['fsqrt.d with rs2 1', '0x5a15f553'],
    ['flq', '0x0005c507'],
    ['flh', '0x00059507'],
  ];
  for (const [name, word] of words) assert.is(causeOf(ON, `.word ${word}`), 2n, name);
});

test.run();
