/** Sv39 over time: what sfence.vma, satp, mode switches, SUM and MXR change for the next access, and for code. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enter, OPEN_MEMORY } from './modes.js';
import { KERNEL_PAGE, type Mapping, PAGING_ON, PTE, pageTables, USER_PAGE } from './page-tables.js';
import { FREE_ADDRESS, record, runProgram, TRAP_RECORDER } from './run-program.js';

const VIRTUAL = 0x40000000n;
const DATA = BigInt(FREE_ADDRESS);
/** Where the program itself is mapped for S, at its own address, and for U, at another one. */
const PROGRAM: Mapping = { virtual: 0x80000000n, physical: 0x80000000n, flags: KERNEL_PAGE, level: 1 };
const USER_PROGRAM: Mapping = { virtual: 0x100000000n, physical: 0x80000000n, flags: USER_PAGE, level: 1 };
const TO_USER = 0x80000000n;
const AS_SUPERVISOR = 'li t0, 0x1800; csrc mstatus, t0; li t0, 0x20800; csrs mstatus, t0';
const AS_MACHINE = 'li t0, 0x20000; csrc mstatus, t0';

function start(mappings: readonly Mapping[]): string {
  return [TRAP_RECORDER, OPEN_MEMORY, pageTables(mappings), PAGING_ON].join('\n');
}

/** Points the leaf `label` to another page. Clobbers t0-t2. */
function remap(label: string, physical: bigint, flags: number): string {
  return `la t0, ${label}; li t1, ${((physical >> 12n) << 10n) | BigInt(flags)}; sd t1, 0(t0)`;
}

const PAGES = `
    li t0, ${DATA}
    li t1, 1
    sd t1, 0(t0)                # page 0 holds 1, page 1 holds 2, and so on
    li t2, 0x1000
    add t0, t0, t2
    addi t1, t1, 1
    sd t1, 0(t0)
    add t0, t0, t2
    addi t1, t1, 1
    sd t1, 0(t0)
`;

const fences = suite('sfence.vma');

fences('a changed leaf is used after each form of the fence', () => {
  for (const fence of ['sfence.vma', 'sfence.vma a1', 'sfence.vma zero, a2', 'sfence.vma a1, a2']) {
    const { records } = runProgram(`
      ${start([{ virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, label: 'leaf' }])}
      ${PAGES}
      li a1, ${VIRTUAL}
      li a2, 0
      ${AS_SUPERVISOR}
      ld a0, 0(a1)
      sd a0, 8(a1)
      ${AS_MACHINE}
      ${record('a0')}
      ${remap('leaf', DATA + 0x1000n, KERNEL_PAGE)}
      ${fence}
      ${AS_SUPERVISOR}
      ld a0, 0(a1)
      sd a0, 8(a1)
      ${AS_MACHINE}
      ${record('a0')}
      li a3, ${DATA}
      ld a0, 8(a3)
      li a4, 0x1000
      add a3, a3, a4
      ld a4, 8(a3)
      ${record('a0', 'a4')}
    `);
    assert.equal(records, [1n, 2n, 1n, 2n], fence);
  }
});

fences('a page that is taken away faults after the fence, for loads, stores and fetches', () => {
  for (const [access, mcause] of [
    ['ld a0, 0(a1)', 13n],
    ['sd a0, 0(a1)', 15n],
  ] as const) {
    const { records } = runProgram(`
      ${start([{ virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, label: 'leaf' }])}
      la s10, after
      li a1, ${VIRTUAL}
      ${AS_SUPERVISOR}
      ${access}
      ${AS_MACHINE}
      ${remap('leaf', DATA, 0)}
      sfence.vma a1
      ${AS_SUPERVISOR}
      ${access}
    after:
    `);
    assert.equal([records[0], records[2]], [mcause, VIRTUAL], access);
  }
});

fences('write permission taken away holds for a page that was written before', () => {
  const { records } = runProgram(`
    ${start([{ virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, label: 'leaf' }])}
    la s10, after
    li a1, ${VIRTUAL}
    ${AS_SUPERVISOR}
    sd a1, 0(a1)
    ${AS_MACHINE}
    ${remap('leaf', DATA, KERNEL_PAGE & ~PTE.W)}
    sfence.vma a1
    ${AS_SUPERVISOR}
    ld a0, 0(a1)
    sd a1, 0(a1)
  after:
  `);
  assert.equal([records[0], records[2]], [15n, VIRTUAL]);
});

fences('a fence for any address of a superpage covers the whole of it', () => {
  const cases: [string, bigint, bigint][] = [
    ['fence at the base, access above', 0n, 0x5000n],
    ['fence above, access at the base', 0x5000n, 0n],
    ['fence and access far apart', 0x1ff000n, 0x3000n],
  ];
  for (const [name, fenceOffset, accessOffset] of cases) {
    const { records } = runProgram(`
      ${start([{ virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, level: 1, label: 'leaf' }])}
      li t0, ${DATA + accessOffset}
      li t1, 11
      sd t1, 0(t0)
      li t0, ${DATA + 0x200000n + accessOffset}
      li t1, 22
      sd t1, 0(t0)
      li a1, ${VIRTUAL + accessOffset}
      li a2, ${VIRTUAL + fenceOffset}
      ${AS_SUPERVISOR}
      ld a0, 0(a1)
      ${AS_MACHINE}
      ${record('a0')}
      ${remap('leaf', DATA + 0x200000n, KERNEL_PAGE)}
      sfence.vma a2
      ${AS_SUPERVISOR}
      ld a0, 0(a1)
      ${AS_MACHINE}
      ${record('a0')}
    `);
    assert.equal(records, [11n, 22n], name);
  }
});

fences('code that moves to another page is fetched from there after the fence', () => {
  const { records } = runProgram(`
    ${start([PROGRAM, { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, label: 'leaf' }])}
    li t0, ${DATA}
    li t1, 0x80824505                 # c.li a0, 1; c.jr ra
    sw t1, 0(t0)
    li t2, 0x1000
    add t0, t0, t2
    li t1, 0x80824509                 # c.li a0, 2; c.jr ra
    sw t1, 0(t0)
    fence.i
    la s10, after
    ${enter('s', 'supervisor')}
  supervisor:
    li s0, ${VIRTUAL}
    jalr s0
    ${record('a0')}
    ${remap('leaf', DATA + 0x1000n, KERNEL_PAGE)}
    sfence.vma s0
    jalr s0
    ${record('a0')}
    ecall
  after:
  `);
  assert.equal(records.slice(0, 3), [1n, 2n, 9n]);
});

const modes = suite('translation and modes');

modes('S may execute its pages and not those of U, U the other way round', () => {
  const { records } = runProgram(`
    ${start([PROGRAM, USER_PROGRAM])}
    la s10, after_user
    ${enter('u', 'user', TO_USER)}
  user:
    li a0, 1
    ecall
  after_user:
    ${record('a0')}
    la s10, after_supervisor
    ${enter('s', 'supervisor')}
  supervisor:
    li a0, 2
    ecall
  after_supervisor:
    ${record('a0')}
    la s10, after_wrong_user
    ${enter('u', 'user')}
  after_wrong_user:
    la s10, after_wrong_supervisor
    ${enter('s', 'supervisor', TO_USER)}
  after_wrong_supervisor:
  `);
  const causes = [records[0], records[3], records[4], records[7], records[8], records[11]];
  assert.equal(causes, [8n, 1n, 9n, 2n, 12n, 12n]);
});

modes('M is not translated, with satp on', () => {
  const { records } = runProgram(`
    ${start([{ virtual: DATA, physical: DATA + 0x1000n, flags: KERNEL_PAGE }])}
    ${PAGES}
    li a1, ${DATA}
    ld a0, 0(a1)
    ${record('a0')}
    ${AS_SUPERVISOR}
    ld a0, 0(a1)
    ${AS_MACHINE}
    ${record('a0')}
    ld a0, 0(a1)
    ${record('a0')}
  `);
  assert.equal(records, [1n, 2n, 1n]);
});

modes('SUM and MXR take effect at once, and so does their end', () => {
  const { records } = runProgram(`
    ${start([
      PROGRAM,
      { virtual: VIRTUAL, physical: DATA, flags: USER_PAGE },
      { virtual: VIRTUAL + 0x1000n, physical: DATA + 0x1000n, flags: PTE.V | PTE.X | PTE.A },
    ])}
    ${PAGES}
    li t0, 1 << 13              # load page faults go to S
    csrw medeleg, t0
    la t0, supervisor_trap
    csrw stvec, t0
    la s10, after
    li a1, ${VIRTUAL}
    li a2, ${VIRTUAL + 0x1000n}
    li a3, 1 << 18              # SUM
    li a4, 1 << 19              # MXR
    ${enter('s', 'supervisor')}
  supervisor:
    ld a0, 0(a1)
    csrs sstatus, a3
    ld a0, 0(a1)
    ${record('a0')}
    csrc sstatus, a3
    ld a0, 0(a1)
    ld a0, 0(a2)
    csrs sstatus, a4
    ld a0, 0(a2)
    ${record('a0')}
    csrc sstatus, a4
    ld a0, 0(a2)
    ecall
    .align 2
  supervisor_trap:
    csrr t0, scause
    csrr t1, sepc
    ${record('t0')}
    addi t1, t1, 4
    csrw sepc, t1
    sret
  after:
  `);
  assert.equal(records.slice(0, 7), [13n, 1n, 13n, 13n, 2n, 13n, 9n]);
});

modes('a trap from U to S and back changes what is mapped', () => {
  const { records } = runProgram(`
    ${start([PROGRAM, USER_PROGRAM, { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE }])}
    li t0, (1 << 8) + (1 << 13)
    csrw medeleg, t0
    la t0, supervisor_trap
    csrw stvec, t0
    la s10, after
    li a1, ${VIRTUAL}
    li s0, 0
    ${enter('u', 'user', TO_USER)}
  user:
    ecall                       # S may load
    ld a0, 0(a1)                # U may not
    ecall
    ld a0, 0(a1)
    ebreak
    .align 2
  supervisor_trap:
    csrr t0, scause
    ld t2, 0(a1)
    addi t2, t2, 1
    sd t2, 0(a1)
    ${record('t0', 't2')}
    csrr t1, sepc
    addi t1, t1, 4
    csrw sepc, t1
    sret
  after:
  `);
  assert.equal(records.slice(0, 9), [8n, 1n, 13n, 2n, 8n, 3n, 13n, 4n, 3n]);
});

modes('another root in satp is another address space after the fence', () => {
  const second = pageTables([
    PROGRAM,
    { virtual: VIRTUAL, physical: DATA + 0x1000n, flags: KERNEL_PAGE },
  ]).replaceAll('page_table', 'other_table');
  const { records } = runProgram(`
    ${start([PROGRAM, { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE }])}
    ${second}
    ${PAGES}
    la s10, after
    li a1, ${VIRTUAL}
    csrr s2, satp
    la s3, other_table
    srli s3, s3, 12
    li t0, (8 << 60) + (1 << 44)      # another ASID too
    or s3, s3, t0
    ${enter('s', 'supervisor')}
  supervisor:
    ld a0, 0(a1)
    ${record('a0')}
    csrw satp, s3
    sfence.vma
    ld a0, 0(a1)
    ${record('a0')}
    csrw satp, s2
    sfence.vma
    ld a0, 0(a1)
    ${record('a0')}
    csrw satp, zero
    sfence.vma
    li a1, ${DATA + 0x2000n}
    ld a0, 0(a1)
    ${record('a0')}
    ecall
  after:
  `);
  assert.equal(records.slice(0, 5), [1n, 2n, 1n, 3n, 9n]);
});

modes('sret goes to the mode and the translation of that mode', () => {
  const { records } = runProgram(`
    ${start([PROGRAM, USER_PROGRAM])}
    la s10, after
    ${enter('s', 'supervisor')}
  supervisor:
    la t0, user
    li t1, ${TO_USER}
    add t0, t0, t1
    csrw sepc, t0
    li t0, 0x100
    csrc sstatus, t0
    sret
  user:
    auipc a0, 0
    ecall
  after:
    ${record('a0')}
  `);
  assert.equal([records[0], (records[3] as bigint) >> 32n], [8n, 1n]);
});

modes('atomics and floating-point accesses are translated and fault like others', () => {
  const rows: [string, bigint][] = [
    ['lr.d a0, (a1)', 13n],
    ['amoadd.d a0, a2, (a1)', 15n],
    ['amoor.w a0, a2, (a1)', 15n],
    ['fld fa0, 0(a1)', 13n],
    ['fsw fa0, 0(a1)', 15n],
  ];
  for (const [instruction, mcause] of rows) {
    const { records } = runProgram(`
      ${start([PROGRAM, { virtual: VIRTUAL, physical: DATA, flags: PTE.V | PTE.R | PTE.A, label: 'leaf' }])}
      li t0, 0x6000
      csrs mstatus, t0
      la s10, after
      li a1, ${VIRTUAL + 0x1000n}
      ${AS_SUPERVISOR}
      ${instruction}
    after:
    `);
    assert.equal([records[0], records[2]], [mcause, VIRTUAL + 0x1000n], instruction);
  }
});

fences.run();
modes.run();
