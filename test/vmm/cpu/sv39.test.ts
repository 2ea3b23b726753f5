/**
 * Sv39: page sizes, permissions, accessed and dirty bits, faults and their addresses, sfence.vma. Data accesses are
 * made from M-mode with MPRV, as S or as U; instruction fetches by going there.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enter, OPEN_MEMORY } from './modes.js';
import { KERNEL_PAGE, type Mapping, PAGING_ON, PTE, pageTables } from './page-tables.js';
import { FREE_ADDRESS, ON_QEMU, record, runProgram, TRAP_RECORDER } from './run-program.js';

const VIRTUAL = 0x40000000n;
const DATA = BigInt(FREE_ADDRESS);
const MIB = 0x100000n;

/** Accesses of M count as accesses of S or U from here on. */
const ACT_AS = {
  s: 'li t0, 0x1800; csrc mstatus, t0; li t0, 0x20800; csrs mstatus, t0',
  u: 'li t0, 0x1800; csrc mstatus, t0; li t0, 0x20000; csrs mstatus, t0',
} as const;

function start(mappings: readonly Mapping[]): string {
  return [TRAP_RECORDER, OPEN_MEMORY, pageTables(mappings), PAGING_ON].join('\n');
}

/** mcause and mtval of one data access, or the value that it leaves in a0. */
function access(mappings: readonly Mapping[], instruction: string, prepare = '', as: 's' | 'u' = 's') {
  const { records } = runProgram(`
    ${start(mappings)}
    ${prepare}
    la s10, after
    ${ACT_AS[as]}
    ${instruction}
    li t0, 0x20000
    csrc mstatus, t0
    ${record('a0')}
    j exit
  after:
  `);
  const [first, , mtval] = records as [bigint, bigint?, bigint?];
  return mtval === undefined ? { value: first } : { mcause: first, mtval };
}

const FILL = `li t0, ${DATA}; li t1, 0x1122334455667788; sd t1, 0(t0); sd t1, 1088(t0)`;
const VALUE = 0x1122334455667788n;

const sizes = suite('Sv39 page sizes');

sizes('pages of 4 KiB, 2 MiB and 1 GiB translate every address inside them', () => {
  const rows: [string, Mapping, bigint, bigint][] = [
    ['4 KiB', { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE }, VIRTUAL, DATA],
    ['4 KiB, end', { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE }, VIRTUAL + 0xff8n, DATA + 0xff8n],
    ['2 MiB', { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE, level: 1 }, VIRTUAL + MIB, DATA + MIB],
    [
      '1 GiB',
      { virtual: VIRTUAL, physical: 0x80000000n, flags: KERNEL_PAGE, level: 2 },
      VIRTUAL + 3n * MIB,
      DATA + MIB,
    ],
    [
      'upper half',
      { virtual: -0x40000000n, physical: DATA, flags: KERNEL_PAGE, level: 1 },
      -0x40000000n + MIB,
      DATA + MIB,
    ],
    ['top page', { virtual: -0x1000n, physical: DATA, flags: KERNEL_PAGE }, -8n, DATA + 0xff8n],
  ];
  for (const [name, mapping, virtual, physical] of rows) {
    const write = `li t0, ${physical}; li t1, 0x5a5a1234; sd t1, 0(t0)`;
    assert.equal(access([mapping], `li a1, ${virtual}; ld a0, 0(a1)`, write), { value: 0x5a5a1234n }, name);
  }
});

sizes('two pages may lead to one, and writes through one are read through the other', () => {
  const mappings = [
    { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE },
    { virtual: VIRTUAL + 0x7000n, physical: DATA, flags: KERNEL_PAGE },
  ];
  const code = `li a1, ${VIRTUAL}; li a2, 99; ld a0, 0(a1); sd a2, 0x10(a1); li a1, ${VIRTUAL + 0x7000n}; ld a0, 0x10(a1)`;
  assert.equal(access(mappings, code), { value: 99n });
});

sizes('a misaligned superpage faults', () => {
  for (const level of [1, 2] as const) {
    const mapping = { virtual: VIRTUAL, physical: DATA + 0x1000n, flags: KERNEL_PAGE, level };
    assert.equal(access([mapping], `li a1, ${VIRTUAL}; ld a0, 0(a1)`), { mcause: 13n, mtval: VIRTUAL });
    assert.equal(access([mapping], `li a1, ${VIRTUAL}; sd a0, 0(a1)`), { mcause: 15n, mtval: VIRTUAL });
  }
});

sizes('an address whose upper bits are not copies of bit 38 faults', () => {
  const mapping = { virtual: VIRTUAL, physical: DATA, flags: KERNEL_PAGE };
  for (const bit of [39n, 45n, 56n, 63n]) {
    const address = BigInt.asUintN(64, VIRTUAL | (1n << bit));
    assert.equal(access([mapping], `li a1, ${address}; ld a0, 0(a1)`), { mcause: 13n, mtval: address });
  }
});

const entries = suite('Sv39 entries');

/** Every combination of V, R, W, X, U, A and D for loads and stores by S and U under each of SUM and MXR. */
function permissionProgram(): string {
  return `
    ${start([{ virtual: VIRTUAL, physical: DATA, flags: 0, label: 'leaf' }])}
    ${FILL}
    la t0, probe_trap
    csrw mtvec, t0
    li s0, 0                    # flags; G is left out
    la s1, leaf
    li s2, ${VIRTUAL}
    li s3, ${(DATA >> 12n) << 10n}
  next_flags:
    li s4, 0                    # bit 0: S instead of U, bit 1: SUM, bit 2: MXR
  next_mode:
    li t0, 0xc1800              # MPP, SUM and MXR
    csrc mstatus, t0
    andi t0, s4, 1
    slli t0, t0, 11
    srli t1, s4, 1
    slli t1, t1, 18
    or t0, t0, t1
    csrs mstatus, t0
    csrr s6, mstatus
    li s5, 0
    or t0, s3, s0
    sd t0, 0(s1)
    sfence.vma
    li t1, 0x20000
    csrs mstatus, t1
    ld t2, 0(s2)
    csrc mstatus, t1
    mv a0, s5
    ld a1, 0(s1)
    csrw mstatus, s6
    li s5, 0
    or t0, s3, s0
    sd t0, 0(s1)
    sfence.vma
    li t1, 0x20000
    csrs mstatus, t1
    sd t2, 0(s2)
    csrc mstatus, t1
    slli a0, a0, 8
    or a0, a0, s5
    slli a0, a0, 8
    andi a1, a1, 0xff
    or a0, a0, a1
    ld a1, 0(s1)
    slli a0, a0, 8
    andi a1, a1, 0xff
    or a0, a0, a1
    ${record('a0')}
    addi s4, s4, 1
    li t0, 8
    bltu s4, t0, next_mode
    addi s0, s0, 1
    andi t0, s0, 32
    beqz t0, 1f
    addi s0, s0, 32             # no G
  1: li t0, 256
    bltu s0, t0, next_flags
    j exit
    .align 2
  probe_trap:                   # goes on behind the access, in M without MPRV
    csrr s5, mcause
    csrr t3, mepc
    addi t3, t3, 4
    csrw mepc, t3
    li t3, 0x1800
    csrs mstatus, t3
    li t3, 0x20000
    csrc mstatus, t3
    mret
  `;
}

/** What the privileged specification says of one access: the cause of the fault (0: none) and the entry after it. */
function expectedAccess(flags: number, mode: number, store: boolean): { cause: number; entry: number } {
  const has = (bit: number) => (flags & bit) !== 0;
  const supervisor = (mode & 1) !== 0;
  const sum = (mode & 2) !== 0;
  const mxr = (mode & 4) !== 0;
  const leaf = has(PTE.R) || has(PTE.X);
  const reserved = has(PTE.W) && !has(PTE.R);
  const modeAllows = has(PTE.U) ? !supervisor || sum : supervisor;
  const kindAllows = store ? has(PTE.W) : has(PTE.R) || (mxr && has(PTE.X));
  if (!has(PTE.V) || reserved || !leaf || !modeAllows || !kindAllows)
    return { cause: store ? 15 : 13, entry: flags };
  return { cause: 0, entry: flags | PTE.A | (store ? PTE.D : 0) };
}

entries('each combination of permission bits allows what the specification says, and marks A and D', () => {
  const { records } = runProgram(permissionProgram());
  const wrong: string[] = [];
  let index = 0;
  for (let flags = 0; flags < 256; flags++) {
    if ((flags & PTE.G) !== 0) continue;
    for (let mode = 0; mode < 8; mode++) {
      const load = expectedAccess(flags, mode, false);
      const store = expectedAccess(flags, mode, true);
      const expected = ((load.cause * 256 + store.cause) * 256 + load.entry) * 256 + store.entry;
      const got = Number(records[index++]);
      if (got !== expected)
        wrong.push(`flags ${flags} mode ${mode}: expected ${expected.toString(16)}, got ${got.toString(16)}`);
    }
  }
  assert.is(index, records.length);
  assert.equal(wrong.slice(0, 20), []);
});

/** Fetches by S and by U from a page with each combination of flags. */
function fetchProgram(): string {
  return `
    ${start([{ virtual: VIRTUAL, physical: DATA, flags: 0, label: 'leaf' }])}
    li t0, ${DATA}
    li t1, 0x73                 # ecall
    sw t1, 0(t0)
    fence.i
    la t0, fetch_trap
    csrw mtvec, t0
    la s1, leaf
    li s2, ${VIRTUAL}
    li s3, ${(DATA >> 12n) << 10n}
    li s0, 0
  next_flags:
    li s4, 0
  next_mode:
    or t0, s3, s0
    sd t0, 0(s1)
    sfence.vma
    li t0, 0x1800
    csrc mstatus, t0
    slli t0, s4, 11
    csrs mstatus, t0
    csrw mepc, s2
    mret
    .align 2
  fetch_trap:
    csrr a0, mcause
    ld a1, 0(s1)
    andi a1, a1, 0xff
    slli a0, a0, 8
    or a0, a0, a1
    ${record('a0')}
    addi s4, s4, 1
    li t0, 2
    bltu s4, t0, next_mode
    addi s0, s0, 1
    li t0, 256
    bltu s0, t0, next_flags
  `;
}

entries('each combination of permission bits allows fetches as the specification says', () => {
  const { records } = runProgram(fetchProgram());
  const wrong: string[] = [];
  records.forEach((got, index) => {
    const flags = index >> 1;
    const supervisor = (index & 1) === 1;
    const has = (bit: number) => (flags & bit) !== 0;
    const fine = has(PTE.V) && has(PTE.X) && (has(PTE.R) || !has(PTE.W)) && has(PTE.U) !== supervisor;
    const expected = fine ? ((supervisor ? 9 : 8) << 8) | flags | PTE.A : (12 << 8) | flags;
    if (Number(got) !== expected)
      wrong.push(`flags ${flags} ${supervisor ? 'S' : 'U'}: expected ${expected}, got ${got}`);
  });
  assert.is(records.length, 512);
  assert.equal(wrong.slice(0, 20), []);
});

entries('reserved bits in a leaf fault', () => {
  for (const bit of [54n, 60n, 61n, 62n, 63n]) {
    if (ON_QEMU && bit > 60n) continue;
    const mapping = {
      virtual: VIRTUAL,
      physical: DATA,
      flags: BigInt.asIntN(64, BigInt(KERNEL_PAGE) | (1n << bit)),
    };
    assert.equal(
      access([mapping], `li a1, ${VIRTUAL}; ld a0, 0(a1)`),
      { mcause: 13n, mtval: VIRTUAL },
      `bit ${bit}`,
    );
  }
});

entries('the software bits of a leaf are ignored and kept', () => {
  const mapping = { virtual: VIRTUAL, physical: DATA, flags: (KERNEL_PAGE & ~0xc0) | 0x300, label: 'leaf' };
  const read = `li t0, 0x20000; csrc mstatus, t0; la a1, leaf; ld a0, 0(a1); andi a0, a0, 0x3ff`;
  const result = access([mapping], `li a1, ${VIRTUAL}; sd zero, 0(a1); ${read}`);
  assert.equal(result, { value: BigInt(KERNEL_PAGE | 0x300) });
});

entries('a pointer at the last level, or with A, D or U, faults', () => {
  const pointer = { virtual: VIRTUAL, physical: DATA, flags: PTE.V };
  assert.equal(access([pointer], `li a1, ${VIRTUAL}; ld a0, 0(a1)`), { mcause: 13n, mtval: VIRTUAL });
  for (const extra of [PTE.A, PTE.D, PTE.U]) {
    const root = { virtual: VIRTUAL, physical: DATA, flags: PTE.V | extra, level: 2 as const };
    assert.equal(
      access([root], `li a1, ${VIRTUAL}; ld a0, 0(a1)`),
      { mcause: 13n, mtval: VIRTUAL },
      `bit ${extra}`,
    );
  }
});

entries('tables and pages that are not there are access faults with the virtual address', () => {
  const nowhere = 0x60000n;
  const table = { virtual: VIRTUAL, physical: nowhere, flags: PTE.V, level: 2 as const };
  assert.equal(access([table], `li a1, ${VIRTUAL}; ld a0, 8(a1)`), { mcause: 5n, mtval: VIRTUAL + 8n });
  const page = { virtual: VIRTUAL, physical: nowhere, flags: KERNEL_PAGE };
  assert.equal(access([page], `li a1, ${VIRTUAL}; ld a0, 8(a1)`), { mcause: 5n, mtval: VIRTUAL + 8n });
  assert.equal(access([page], `li a1, ${VIRTUAL}; sd a0, 8(a1)`), { mcause: 7n, mtval: VIRTUAL + 8n });
});

const crossing = suite('Sv39 accesses across pages');

/** Two neighbouring virtual pages that are not neighbours in memory. */
const APART: readonly Mapping[] = [
  { virtual: VIRTUAL, physical: DATA + 0x5000n, flags: KERNEL_PAGE },
  { virtual: VIRTUAL + 0x1000n, physical: DATA, flags: KERNEL_PAGE },
];

crossing('an access across two pages uses both translations', () => {
  const code = `li a1, ${VIRTUAL + 0xffdn}; li a2, ${VALUE}; sd a2, 0(a1); ld a0, 0(a1)`;
  assert.equal(access(APART, code), { value: VALUE });
  const second = `${code}; li a1, ${VIRTUAL + 0x1000n}; lw a0, 0(a1)`;
  assert.equal(access(APART, second), { value: 0x22334455n });
});

crossing('when only the second page faults, its address is reported and nothing is stored', () => {
  const first = APART.slice(0, 1);
  for (const [op, mcause] of [
    ['ld', 13n],
    ['sd', 15n],
    ['lw', 13n],
    ['sw', 15n],
    ['lhu', 13n],
    ['sh', 15n],
  ] as const) {
    const distance = op.endsWith('d') ? 4n : 1n;
    const result = access(first, `li a1, ${VIRTUAL + 0x1000n - distance}; li a0, -1; ${op} a0, 0(a1)`);
    assert.equal(result, { mcause, mtval: VIRTUAL + 0x1000n }, op);
  }
  const { records } = runProgram(`
    ${start(first)}
    la s10, after
    ${ACT_AS.s}
    li a1, ${VIRTUAL + 0xffcn}
    li a0, -1
    sd a0, 0(a1)
  after:
    li a1, ${DATA + 0x5ff8n}
    ld a0, 0(a1)
    ${record('a0')}
  `);
  assert.is(records[3], 0n);
});

crossing('an instruction across two pages faults with its own mepc and the second page as mtval', () => {
  const { records } = runProgram(`
    ${start(APART.slice(0, 1))}
    la s10, after
    li t0, ${DATA + 0x5ffen}
    li t1, 0x0013               # lower half of a nop
    sh t1, 0(t0)
    fence.i
    ${enter('s', 'exit', 0).replace('la t5, exit', `li t5, ${VIRTUAL + 0xffen}`)}
  after:
  `);
  assert.equal(records, [12n, VIRTUAL + 0xffen, VIRTUAL + 0x1000n]);
});

crossing('an instruction across two pages that are apart runs', () => {
  const { records } = runProgram(`
    ${start(APART)}
    la s10, after
    li t0, ${DATA + 0x5ffen}
    li t1, 0x0513               # li a0, 0x123: lower half
    sh t1, 0(t0)
    li t0, ${DATA}
    li t1, 0x1230               # upper half
    sh t1, 0(t0)
    li t1, 0x73                 # ecall
    sh t1, 2(t0)
    sh zero, 4(t0)
    fence.i
    ${enter('s', 'exit', 0).replace('la t5, exit', `li t5, ${VIRTUAL + 0xffen}`)}
  after:
    ${record('a0')}
  `);
  assert.equal(records, [9n, VIRTUAL + 0x1002n, 0n, 0x123n]);
});

sizes.run();
entries.run();
crossing.run();
