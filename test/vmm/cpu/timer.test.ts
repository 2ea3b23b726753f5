/** The timers, WFI, and the counters: Sstc's stimecmp, mtimecmp's wire, cycle, time and instret. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { causeIn, enter, OPEN_MEMORY } from './modes.js';
import { checkCases, ON_QEMU, record, runProgram } from './run-program.js';

const INTERRUPT = 1n << 63n;
const ENABLE_SSTC = 'li t0, 1 << 63; csrs menvcfg, t0';

/** mtimecmp to 5 ms from now, by way of the greatest value, so that it never lies in the past. */
const MTIMECMP_SOON = `
    rdtime t1
    li t2, 50000
    add t1, t1, t2
    li t0, 0x2004000
    li t2, -1
    sw t2, 4(t0)
    sw t1, 0(t0)
    srli t1, t1, 32
    sw t1, 4(t0)
`;

const sstc = suite('Sstc');

sstc('stimecmp drives STIP, which software cannot write then', () => {
  checkCases(
    [
      { name: 'past', code: 'csrw stimecmp, zero; csrr a0, mip; andi a0, a0, 0x20', expected: 0x20 },
      { name: 'future', code: 'li a1, -1; csrw stimecmp, a1; csrr a0, mip; andi a0, a0, 0x20', expected: 0 },
      {
        name: 'cleared by software',
        code: 'csrw stimecmp, zero; li a1, 0x20; csrc mip, a1; csrr a0, mip; and a0, a0, a1',
        expected: 0x20,
      },
      {
        name: 'set by software',
        code: 'li a1, -1; csrw stimecmp, a1; li a1, 0x20; csrs mip, a1; csrr a0, mip; and a0, a0, a1',
        expected: 0,
      },
      {
        name: 'read back',
        code: 'li a1, 0x123456789abcdef0; csrw stimecmp, a1; csrr a0, stimecmp',
        expected: 0x123456789abcdef0n,
      },
      {
        name: 'unsigned',
        code: 'li a1, 1 << 63; csrw stimecmp, a1; csrr a0, mip; andi a0, a0, 0x20',
        expected: 0,
      },
    ],
    ENABLE_SSTC,
  );
});

sstc('S sees the timer in sip when it is delegated', () => {
  if (ON_QEMU) return; // before version 8 shows only SSIP there
  checkCases(
    [
      {
        name: 'in sip',
        code: 'li a1, 0x20; csrs mideleg, a1; csrw stimecmp, zero; csrr a0, sip; and a0, a0, a1',
        expected: 0x20,
      },
    ],
    ENABLE_SSTC,
  );
});

sstc('S may use stimecmp when menvcfg and mcounteren say so', () => {
  const counters = 'csrwi mcounteren, 7';
  assert.is(causeIn('s', 'csrr a0, stimecmp', `${ENABLE_SSTC}; ${counters}`), null);
  assert.is(causeIn('s', 'csrr a0, stimecmp', counters), 2n);
  assert.is(causeIn('s', 'csrr a0, stimecmp', `${ENABLE_SSTC}; csrwi mcounteren, 5`), 2n);
  assert.is(causeIn('u', 'csrr a0, stimecmp', `${ENABLE_SSTC}; ${counters}; csrwi scounteren, 7`), 2n);
});

sstc('without STCE, STIP is a bit of software', () => {
  checkCases([
    {
      name: 'set',
      code: 'csrw stimecmp, zero; li a1, 0x20; csrs mip, a1; csrr a0, mip; and a0, a0, a1',
      expected: 0x20,
    },
    {
      name: 'cleared',
      code: 'csrw stimecmp, zero; li a1, 0x20; csrc mip, a1; csrr a0, mip; and a0, a0, a1',
      expected: 0,
    },
  ]);
});

sstc('S gets its timer interrupt when the time has come and not before', () => {
  const { records } = runProgram(`
    ${OPEN_MEMORY}
    ${ENABLE_SSTC}
    j start
    .align 2
  handler:
    csrr a0, scause
    rdtime a1
    bgeu a1, s1, 1f
    li a0, 0                    # too early
  1:
    ${record('a0')}
    li t0, -1
    csrw stimecmp, t0
    ecall
    .align 2
  machine:
    j exit
  start:
    li t0, -1
    csrw stimecmp, t0
    la t0, handler
    csrw stvec, t0
    la t0, machine
    csrw mtvec, t0
    csrwi mcounteren, 7
    li t0, 0x20
    csrw mideleg, t0
    csrw mie, t0
    csrsi mstatus, 2
    ${enter('s', 'inside')}
  inside:
    rdtime s1
    li t0, 20000                # 2 ms
    add s1, s1, t0
    csrw stimecmp, s1
  2: addi s2, s2, 1             # no WFI: the running loop must be interrupted
    j 2b
  `);
  assert.equal(records, [INTERRUPT | 5n]);
});

const waiting = suite('WFI');

waiting('continues when an enabled interrupt is pending, though none may be taken', () => {
  const { records } = runProgram(`
    li t0, 2
    csrs mip, t0
    csrs mie, t0
    wfi
    li a0, 1
    ${record('a0')}
  `);
  assert.equal(records, [1n]);
});

waiting('waits for the timer with interrupts disabled and goes on behind itself', () => {
  const { records } = runProgram(`
    ${ENABLE_SSTC}
    li t0, 0x20
    csrw mie, t0
    rdtime s0
    li t0, 30000
    add s1, s0, t0
    csrw stimecmp, s1
    wfi
    rdtime a0
    sltu a0, a0, s1             # 0: not before the deadline
    csrr a1, mip
    andi a1, a1, 0x20
    ${record('a0', 'a1')}
  `);
  assert.equal(records, [0n, 0x20n]);
});

waiting('takes the interrupt that ends it with mepc behind the WFI', () => {
  const { records, symbols } = runProgram(`
    la t0, handler
    csrw mtvec, t0
    ${MTIMECMP_SOON}
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
    wfi
  behind:
    j .
    .align 2
  handler:
    csrr a0, mcause
    csrr a1, mepc
    ${record('a0', 'a1')}
  `);
  assert.equal(records, [INTERRUPT | 7n, symbols.get('behind')]);
});

waiting('in S is ended by its timer and by an interrupt for M', () => {
  const { records } = runProgram(`
    ${OPEN_MEMORY}
    la t0, handler
    csrw mtvec, t0
    li t0, 0x80
    csrw mie, t0
    ${MTIMECMP_SOON}
    ${enter('s', 'inside')}
  inside:
    wfi
    j .
    .align 2
  handler:
    csrr a0, mcause
    ${record('a0')}
  `);
  assert.equal(records, [INTERRUPT | 7n]);
});

const counters = suite('counters');

counters('time, cycle and instret go forward', () => {
  for (const csr of ['time', 'cycle', 'instret', 'mcycle', 'minstret']) {
    const { records } = runProgram(`
      csrr a0, ${csr}
      li a2, 50000
    1: addi a2, a2, -1
      bnez a2, 1b
      csrr a1, ${csr}
      sltu a0, a0, a1
      ${record('a0')}
    `);
    assert.equal(records, [1n], csr);
  }
});

counters('machine counters can be written and stopped', () => {
  checkCases([
    {
      name: 'mcycle stopped',
      code: 'csrwi mcountinhibit, 5; li a1, 12345; csrw mcycle, a1; nop; nop; csrr a0, mcycle',
      expected: 12345,
    },
    {
      name: 'minstret stopped',
      code: 'li a1, 777; csrw minstret, a1; nop; nop; csrr a0, minstret',
      expected: 777,
    },
    { name: 'cycle is mcycle', code: 'csrr a0, cycle', expected: 12345 },
    { name: 'inhibit bits', code: 'csrr a0, mcountinhibit; andi a0, a0, 7', expected: 5 },
    {
      name: 'going again',
      code: 'csrwi mcountinhibit, 0; csrr a0, mcycle; li a2, 50000; 1: addi a2, a2, -1; bnez a2, 1b; csrr a1, mcycle; sltu a0, a0, a1',
      expected: 1,
    },
  ]);
});

counters('mcounteren lets S read them, and scounteren U', () => {
  const rows: [string, number][] = [
    ['cycle', 1],
    ['time', 2],
    ['instret', 4],
  ];
  for (const [csr, bit] of rows) {
    const read = `csrr a0, ${csr}`;
    assert.is(causeIn('s', read, `csrwi mcounteren, ${bit}`), null, `${csr} in S`);
    assert.is(causeIn('s', read, `csrwi mcounteren, ${7 - bit}`), 2n, `${csr} in S, off`);
    assert.is(causeIn('u', read, `csrwi mcounteren, ${bit}; csrwi scounteren, ${bit}`), null, `${csr} in U`);
    assert.is(
      causeIn('u', read, `csrwi mcounteren, 7; csrwi scounteren, ${7 - bit}`),
      2n,
      `${csr} in U, off for U`,
    );
    assert.is(
      causeIn('u', read, `csrwi mcounteren, ${7 - bit}; csrwi scounteren, 7`),
      2n,
      `${csr} in U, off for S`,
    );
  }
});

sstc.run();
waiting.run();
counters.run();
