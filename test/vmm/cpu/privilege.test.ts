/** Privilege: entering and leaving modes, the stack in mstatus, and what a lower mode is kept from. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attempt, causeIn, enter, OPEN_MEMORY } from './modes.js';
import { record, runProgram, TRAP_RECORDER } from './run-program.js';

const ILLEGAL = 2n;
const MIE = 1n << 3n;
const MPIE = 1n << 7n;
const MPP = 3n << 11n;
const SIE = 1n << 1n;
const SPIE = 1n << 5n;
const SPP = 1n << 8n;
const MPRV = 1n << 17n;

const test = suite('privilege');

test('ecall tells the mode that it comes from', () => {
  for (const [mode, cause] of [
    ['u', 8n],
    ['s', 9n],
    ['m', 11n],
  ] as const) {
    const trap = attempt({ mode, instruction: 'ecall; nop' });
    assert.equal(trap, { mcause: cause, mtval: 0n, offset: 0n }, mode);
  }
});

test('a trap into M pushes MIE and the mode, mret pops them', () => {
  for (const [mode, previous] of [
    ['u', 0n],
    ['s', 0x800n],
    ['m', MPP],
  ] as const) {
    for (const enabled of [0n, MIE]) {
      const { records } = runProgram(`
        ${OPEN_MEMORY}
        la t0, handler
        csrw mtvec, t0
        li t0, ${enabled << 4n}           # mret will move MPIE to MIE
        csrw mstatus, t0
        ${enter(mode, 'inside')}
      inside:
        ecall
        .align 2
      handler:
        csrr a0, mstatus
        ${record('a0')}
        csrr a1, mcause
        li a2, 11
        beq a1, a2, after
        li t0, 0x1800
        csrs mstatus, t0
      after:
        la t0, last
        csrw mepc, t0
        mret
      last:
        csrr a0, mstatus
        ${record('a0')}
      `);
      const [inHandler, afterReturn] = records as [bigint, bigint];
      const name = `${mode}, MIE ${enabled}`;
      assert.is(inHandler & MPP, previous, `${name}: MPP in the handler`);
      assert.is(inHandler & MIE, 0n, `${name}: MIE in the handler`);
      assert.is(inHandler & MPIE, enabled << 4n, `${name}: MPIE in the handler`);
      assert.is(afterReturn & MIE, enabled, `${name}: MIE after mret`);
      assert.is(afterReturn & MPIE, MPIE, `${name}: MPIE after mret`);
      assert.is(afterReturn & MPP, 0n, `${name}: MPP after mret`);
    }
  }
});

test('mret to a lower mode clears MPRV, mret to M keeps it', () => {
  for (const [mode, expected] of [
    ['s', 0n],
    ['u', 0n],
    ['m', MPRV],
  ] as const) {
    const { records } = runProgram(`
      ${OPEN_MEMORY}
      la t0, handler
      csrw mtvec, t0
      li t0, ${MPRV}
      csrs mstatus, t0
      ${enter(mode, 'inside')}
    inside:
      ecall
      .align 2
    handler:
      csrr a0, mstatus
      li t0, ${MPRV}
      csrc mstatus, t0
      ${record('a0')}
    `);
    assert.is((records[0] as bigint) & MPRV, expected, mode);
  }
});

test('a delegated trap goes to S with its own registers, and sret returns from it', () => {
  const { records, symbols } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    la s10, after
    li t0, 1 << 8               # ecall from U
    csrw medeleg, t0
    la t0, supervisor
    csrw stvec, t0
    li t0, 0x22                 # SIE, SPIE
    csrs sstatus, t0
    li t0, 0x77
    csrw mcause, t0
    ${enter('u', 'user')}
  user:
    ecall
    csrr a0, sstatus            # illegal again: U
    .align 2
  supervisor:
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    csrr a3, sstatus
    ${record('a0', 'a1', 'a2', 'a3')}
    addi a1, a1, 4
    csrw sepc, a1
    sret
  after:
    csrr a3, mstatus
    ${record('a3')}
  `);
  const [scause, sepc, stval, sstatus, mcause, mepc, , final] = records as bigint[];
  assert.equal([scause, sepc, stval], [8n, symbols.get('user'), 0n]);
  assert.is((sstatus as bigint) & (SIE | SPIE | SPP), SPIE, 'SIE moved to SPIE, from U');
  assert.equal([mcause, mepc], [ILLEGAL, (symbols.get('user') as bigint) + 4n], 'U goes on behind the ecall');
  assert.is((final as bigint) & (SIE | SPIE), SIE | SPIE, 'sret popped');
});

test('a trap in S sets SPP, and sret returns to S', () => {
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    la s10, after
    li t0, 1 << 3               # breakpoint
    csrw medeleg, t0
    la t0, handler
    csrw stvec, t0
    ${enter('s', 'inside')}
  inside:
    ebreak
    csrr a0, sstatus            # legal: still S
    ${record('a0')}
    ecall
    .align 2
  handler:
    csrr a0, sstatus
    ${record('a0')}
    csrr a1, sepc
    addi a1, a1, 4
    csrw sepc, a1
    sret
  after:
  `);
  const [inHandler, afterReturn, mcause] = records as bigint[];
  assert.is((inHandler as bigint) & SPP, SPP);
  assert.is((afterReturn as bigint) & SPP, 0n);
  assert.is(mcause, 9n);
});

test('delegation does not apply to traps in M', () => {
  const trap = attempt({ mode: 'm', prepare: 'li t0, 0xb3ff; csrw medeleg, t0', instruction: 'ebreak' });
  assert.is(trap?.mcause, 3n);
});

test('what is not delegated goes from U to M', () => {
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    la s10, after
    li t0, 1 << 9
    csrw medeleg, t0
    ${enter('u', 'user')}
  user:
    ecall
  after:
  `);
  assert.is(records[0], 8n);
});

test('privileged instructions are illegal below their mode', () => {
  assert.is(causeIn('s', 'mret'), ILLEGAL);
  assert.is(causeIn('u', 'mret'), ILLEGAL);
  assert.is(causeIn('u', 'sret'), ILLEGAL);
  assert.is(causeIn('u', 'sfence.vma'), ILLEGAL);
  assert.is(causeIn('s', 'sfence.vma'), null);
  assert.is(causeIn('s', 'sfence.vma a0, a1'), null);
});

test('TVM keeps S from satp and sfence.vma', () => {
  const tvm = 'li t0, 1 << 20; csrs mstatus, t0';
  assert.is(causeIn('s', 'csrr a0, satp', tvm), ILLEGAL);
  assert.is(causeIn('s', 'csrw satp, zero', tvm), ILLEGAL);
  assert.is(causeIn('s', 'sfence.vma', tvm), ILLEGAL);
  assert.is(causeIn('m', 'csrr a0, satp; sfence.vma', tvm), null);
});

test('TSR keeps S from sret', () => {
  assert.is(causeIn('s', 'sret', 'li t0, 1 << 22; csrs mstatus, t0'), ILLEGAL);
  const back = 'la t0, behind; csrw sepc, t0; li t0, 0x100; csrs mstatus, t0';
  assert.is(causeIn('s', 'sret', back), null);
});

test('TW keeps S from WFI, and M not', () => {
  const pending = 'li t0, 2; csrs mideleg, t0; csrs mip, t0; csrs mie, t0';
  assert.is(causeIn('s', 'wfi', `li t0, 1 << 21; csrs mstatus, t0; ${pending}`), ILLEGAL);
  assert.is(causeIn('s', 'wfi', pending), null);
  assert.is(causeIn('m', 'wfi', `li t0, 1 << 21; csrs mstatus, t0; ${pending}`), null);
});

test('sret in M-mode returns to the mode in SPP', () => {
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    la s10, after
    la t0, inside
    csrw sepc, t0
    li t0, 0x100
    csrc mstatus, t0
    sret
  inside:
    ecall
  after:
  `);
  assert.is(records[0], 8n);
});

test.run();
