/** Interrupts: who takes them and when, priorities, delegation, vectors, the timer of Sstc, and WFI. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enter, OPEN_MEMORY } from './modes.js';
import { ON_QEMU, record, runProgram } from './run-program.js';

const INTERRUPT = 1n << 63n;
/** The CLINT of the virt machine, which the test machine has too. */
const RAISE_MSIP = 'li t0, 0x2000000; li t1, 1; sw t1, 0(t0)';
/** Sources that software can raise in mip. */
const RAISE_SUPERVISOR = 'li t0, 0x222; csrs mip, t0';
/** The wires of the test machine: msip, mtip and meip. */
const RAISE_MACHINE_WIRES = 'li t0, 0x4000; li t1, 7; sw t1, 0(t0)';

/** Records mcause and mepc, masks what came, and goes on. Clobbers t3-t6. */
const MASKING_HANDLER = `
    j handler_end
    .align 2
  handler:
    csrr t3, mcause
    csrr t4, mepc
    ${record('t3', 't4')}
    li t5, 1
    sll t5, t5, t3
    csrc mie, t5
    mret
  handler_end:
    la t3, handler
    csrw mtvec, t3
`;

const causes = (records: readonly bigint[], step = 2) =>
  records.filter((_, index) => index % step === 0).map((c) => c & ~INTERRUPT);

const taking = suite('taking interrupts');

taking(
  'an interrupt needs its enable bit and MIE, and is taken behind the instruction that allows it',
  () => {
    const { records, symbols } = runProgram(`
    ${MASKING_HANDLER}
    li t0, 8
    csrs mie, t0
    ${RAISE_MSIP}
  1: csrr t0, mip               # the wire may take its time
    andi t0, t0, 8
    beqz t0, 1b
    nop
    nop
    csrsi mstatus, 8
  behind:
    nop
    nop
    ${record('zero')}
  `);
    assert.equal(records, [INTERRUPT | 3n, symbols.get('behind'), 0n]);
  },
);

taking('setting the enable bit while MIE is on takes it at once', () => {
  const { records, symbols } = runProgram(`
    ${MASKING_HANDLER}
    csrsi mstatus, 8
    ${RAISE_SUPERVISOR}
    li t0, 2
    csrs mie, t0
  behind:
    nop
    nop
  `);
  assert.equal(records, [INTERRUPT | 1n, symbols.get('behind')]);
});

taking('setting a pending bit that is enabled takes it at once', () => {
  const { records, symbols } = runProgram(`
    ${MASKING_HANDLER}
    csrsi mstatus, 8
    li t0, 0x222
    csrw mie, t0
    li t0, 0x200
    csrs mip, t0
  behind:
    nop
    csrc mip, t0
  `);
  assert.equal(records, [INTERRUPT | 9n, symbols.get('behind')]);
});

taking('mret that restores MIE takes what is pending before the next instruction', () => {
  const { records, symbols } = runProgram(`
    ${MASKING_HANDLER}
    ${RAISE_SUPERVISOR}
    li t0, 2
    csrw mie, t0
    li t0, 0x1880               # MPP = M, MPIE
    csrs mstatus, t0
    la t0, target
    csrw mepc, t0
    mret
  target:
    nop
  `);
  assert.equal(records, [INTERRUPT | 1n, symbols.get('target')]);
});

taking('several pending interrupts come in the order MEI, MSI, MTI, SEI, SSI, STI', () => {
  if (ON_QEMU) return; // takes the lowest number first
  const { records } = runProgram(`
    ${MASKING_HANDLER}
    ${RAISE_SUPERVISOR}
    ${RAISE_MACHINE_WIRES}
    li t2, 0xaaa
  1: csrr t0, mip
    and t0, t0, t2
    bne t0, t2, 1b
    csrw mie, t2
    csrsi mstatus, 8
    nop
    nop
  `);
  assert.equal(causes(records), [11n, 3n, 7n, 9n, 1n, 5n]);
});

taking('with MIE off nothing is taken in M, below M it is taken anyway', () => {
  for (const mode of ['s', 'u'] as const) {
    const { records, symbols } = runProgram(`
      ${OPEN_MEMORY}
      la t3, handler
      csrw mtvec, t3
      ${RAISE_SUPERVISOR}
      li t0, 2
      csrw mie, t0
      nop
      ${enter(mode, 'inside')}
    inside:
      nop
      ecall
      .align 2
    handler:
      csrr a0, mcause
      csrr a1, mepc
      ${record('a0', 'a1')}
    `);
    assert.equal(records, [INTERRUPT | 1n, symbols.get('inside')], mode);
  }
});

taking('a wire that falls again is no longer pending', () => {
  const { records } = runProgram(`
    ${RAISE_MSIP}
  1: csrr a0, mip
    andi a0, a0, 8
    beqz a0, 1b
    sw zero, 0(t0)
  2: csrr a0, mip
    andi a0, a0, 8
    bnez a0, 2b
    ${record('a0')}
  `);
  assert.equal(records, [0n]);
});

taking('an interrupt in the middle of a loop returns to it without a trace', () => {
  const { records } = runProgram(`
    j start
    .align 2
  handler:
    li t6, 0x2000000            # msip off
    sw zero, 0(t6)
    addi s2, s2, 1
    mret
  start:
    la t3, handler
    csrw mtvec, t3
    li s2, 0
    li t0, 8
    csrw mie, t0
    csrsi mstatus, 8
    li t0, 0x2000000
    li t1, 1
    li s0, 20
  1: sw t1, 0(t0)
    li a0, 0
    li a1, 20000
  2: addi a0, a0, 3
    addi a1, a1, -1
    bnez a1, 2b
    addi s0, s0, -1
    bnez s0, 1b
    ${record('a0', 's2')}
  `);
  assert.equal(records, [60000n, 20n]);
});

const delegation = suite('delegated interrupts');

/** S takes what is delegated; the M handler records what is not. */
function delegated(mideleg: number, before: string, mode: 's' | 'u' | 'm', inside: string) {
  return runProgram(`
    ${OPEN_MEMORY}
    j start
    .align 2
  machine:
    csrr a0, mcause
    ${record('a0')}
    j exit
    .align 2
  supervisor:
    csrr a0, scause
    csrr a1, sepc
    csrr a2, sstatus
    ${record('a0', 'a1', 'a2')}
    li t0, 1
    sll t0, t0, a0
    csrc sie, t0
    sret
  start:
    la t0, machine
    csrw mtvec, t0
    la t0, supervisor
    csrw stvec, t0
    li t0, ${mideleg}
    csrw mideleg, t0
    ${before}
    ${enter(mode, 'inside')}
  inside:
    ${inside}
    ecall
  `);
}

delegation('S takes them when SIE is on, and in U always', () => {
  for (const [mode, sie] of [
    ['s', 2],
    ['u', 0],
    ['u', 2],
  ] as const) {
    const before = `${RAISE_SUPERVISOR}; li t0, 0x222; csrw mie, t0; csrsi mstatus, ${sie}`;
    const { records, symbols } = delegated(0x222, before, mode, 'nop');
    const all = causes(records.slice(0, 9), 3);
    assert.equal(all, ON_QEMU ? [1n, 5n, 9n] : [9n, 1n, 5n], `${mode} ${sie}`);
    assert.is(records[1], symbols.get('inside'), 'before the first instruction');
    assert.is((records[2] as bigint) & 0x102n, mode === 's' ? 0x100n : 0n, 'SPP and SIE');
    assert.is(records[9], mode === 's' ? 9n : 8n, 'then the ecall');
  }
});

delegation('S with SIE off does not take them', () => {
  const before = `${RAISE_SUPERVISOR}; li t0, 0x222; csrw mie, t0; csrci mstatus, 2`;
  const { records } = delegated(0x222, before, 's', 'nop; nop');
  assert.equal(records, [9n]);
});

delegation('M never takes them, even with MIE and SIE on', () => {
  const before = `${RAISE_SUPERVISOR}; li t0, 0x222; csrw mie, t0; csrsi mstatus, 10`;
  const { records } = delegated(0x222, before, 'm', 'nop; nop');
  assert.equal(records, [11n]);
});

delegation('what is not delegated goes to M first', () => {
  const before = `${RAISE_SUPERVISOR}; li t0, 0x222; csrw mie, t0; csrsi mstatus, 2`;
  const { records } = delegated(0x200, before, 's', 'nop');
  assert.equal(records, [INTERRUPT | 1n]);
});

delegation('S raises and clears its own software interrupt through sip', () => {
  const before = 'csrw mie, zero; csrci mstatus, 2';
  const inside = `
    csrwi sie, 2
    csrsi sip, 2
    csrsi sstatus, 2
    nop
    csrr a0, sip
    csrci sip, 2
    csrr a1, sip
    ${record('a0', 'a1')}`;
  const { records } = delegated(0x222, before, 's', inside);
  assert.is(records[0], INTERRUPT | 1n);
  assert.equal([(records[3] as bigint) & 2n, (records[4] as bigint) & 2n], [2n, 0n]);
});

const vectors = suite('vectored interrupts');

vectors('an interrupt goes to the base plus four times its number', () => {
  const { records } = runProgram(`
    la t0, table
    addi t0, t0, 1
    csrw mtvec, t0
    ${RAISE_SUPERVISOR}
    li t0, 0x200
    csrw mie, t0
    csrsi mstatus, 8
    j .
    .balign 256
  table:
    .zero 36
    j entry_9
    .zero 24
  entry_9:
    li a0, 9
    ${record('a0')}
  `);
  assert.equal(records, [9n]);
});

vectors('S has a table of its own', () => {
  const { records } = runProgram(`
    ${OPEN_MEMORY}
    la t0, table
    addi t0, t0, 1
    csrw stvec, t0
    la t0, machine
    csrw mtvec, t0
    li t0, 0x222
    csrw mideleg, t0
    csrw mie, t0
    li t0, 2
    csrs mip, t0
    csrsi mstatus, 2
    ${enter('s', 'inside')}
  inside:
    j .
    .balign 256
  table:
    .zero 4
    j entry_1
    .align 2
  machine:
    j exit
  entry_1:
    li a0, 1
    ${record('a0')}
    ecall
  `);
  assert.equal(records, [1n]);
});

taking.run();
delegation.run();
vectors.run();
