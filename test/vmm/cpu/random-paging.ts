/**
 * Random programs about translation: leaves of all three levels change and are fenced, then pages are read, written
 * and executed as S and as U, with SUM and MXR on and off. Every unit records three values: mcause, mepc, mtval of
 * the trap that it takes, or zeros and what was read.
 *
 * Data pages hold ecalls, and offset 0x800 of each is never written, so that every page can be executed there.
 */
import { OPEN_MEMORY } from './modes.js';
import { KERNEL_PAGE, PAGING_ON, PTE, pageTables } from './page-tables.js';
import { FREE_ADDRESS, record, TRAP_RECORDER } from './program.js';
import type { Random } from './random.js';

const PAGE = 0x1000;
const PAGES = 8;
const SMALL = 0x40000000;
const LARGE = 0x40200000;
const HUGE = 0x80000000;
/** Offset of the data pages in the gigabyte of RAM. */
const DATA_OFFSET = FREE_ADDRESS - 0x80000000;
const EXECUTED_OFFSET = 0x800;
export const RECORDS_PER_UNIT = 3;

/** The leaf entries: label, first address, number of data pages seen through it, where it may point to. */
const LEAVES = [
  ...Array.from({ length: PAGES }, (_, i) => ({
    label: `small_${i}`,
    virtual: SMALL + PAGE * i,
    level: 0 as const,
    targets: Array.from({ length: PAGES }, (_, page) => FREE_ADDRESS + PAGE * page),
  })),
  ...[0, 1].map((i) => ({
    label: `large_${i}`,
    virtual: LARGE + 0x200000 * i,
    level: 1 as const,
    targets: [FREE_ADDRESS, FREE_ADDRESS + 0x200000, FREE_ADDRESS + PAGE],
  })),
  {
    label: 'huge',
    virtual: HUGE,
    level: 2 as const,
    targets: [0x80000000, 0x80000000, 0xc0000000, 0x80200000],
  },
];

/** Addresses at which data can be seen, if the leaf allows it. */
const WINDOWS = [
  ...Array.from({ length: PAGES }, (_, i) => SMALL + PAGE * i),
  ...[LARGE, LARGE + 0x200000, HUGE + DATA_OFFSET].flatMap((base) =>
    [0, 1, 5].map((page) => base + PAGE * page),
  ),
  SMALL + 0x3fffff000,
];

type Unit = (random: Random) => string;

function flags(random: Random): number {
  const all = KERNEL_PAGE | PTE.U;
  return random.pick([
    () => KERNEL_PAGE,
    () => KERNEL_PAGE,
    () => all,
    () => all & ~(1 << random.between(0, 7)),
    () => KERNEL_PAGE & ~(1 << random.between(0, 7)),
    () => random.between(0, 255) | PTE.V,
    () => 0,
  ])();
}

const changeLeaf: Unit = (random) => {
  const { label, virtual, targets } = random.pick(LEAVES);
  const entry = ((BigInt(random.pick(targets)) >> 12n) << 10n) | BigInt(flags(random));
  const inside = label.startsWith('small') ? 0 : PAGE * random.between(0, 511);
  const fence = random.pick(['sfence.vma', 'sfence.vma t2', 'sfence.vma t2, zero', 'sfence.vma zero, a4']);
  return `
    la t0, ${label}
    li t1, ${entry}
    sd t1, 0(t0)
    li t2, ${virtual + inside}
    li a4, 0
    ${fence}
    ld a0, 0(t0)
    ${record('zero', 'zero', 'a0')}`;
};

/** The entry that leads to the table of the small pages; it is no leaf, so only a whole fence covers it. */
const changePointer: Unit = (random) => {
  const bits = random.pick([PTE.V, PTE.V, PTE.V, PTE.V, 0, PTE.V | PTE.U, PTE.V | PTE.A, PTE.V | PTE.G]);
  return `
    la t1, page_table_1
    srli t1, t1, 12
    slli t1, t1, 10
    ori t1, t1, ${bits}
    la t0, page_table
    sd t1, 8(t0)
    sfence.vma
    ${record('zero', 'zero', 'zero')}`;
};

function actAs(random: Random): string {
  const supervisor = random.pick([0, 1, 1]) << 11;
  const sum = random.pick([0, 1, 1]) << 18;
  const mxr = random.between(0, 1) << 19;
  return `li t0, 0xc1800; csrc mstatus, t0; li t0, ${supervisor | sum | mxr}; csrs mstatus, t0`;
}

const OPERATIONS = ['lb', 'lh', 'lw', 'ld', 'lbu', 'lhu', 'lwu', 'sb', 'sh', 'sw', 'sd'];

const access: Unit = (random) => {
  const window = random.pick(WINDOWS);
  const aligned = 8 * random.between(0, 250) + (random.between(0, 1) === 0 ? 0 : EXECUTED_OFFSET + 16);
  const offset = random.between(0, 4) === 0 ? PAGE - random.between(1, 8) : Math.min(aligned, PAGE - 8);
  // QEMU prefers the access fault when an AMO goes to a page that is neither writable nor there: only `huge` is.
  const isAtomic = window < HUGE && random.between(0, 1) === 0;
  const operation = isAtomic
    ? random.pick([
        'amoadd.d a0, a2, (a1)',
        'amoswap.w a0, a2, (a1)',
        'amoor.d a0, a2, (a1)',
        'lr.d a0, (a1)',
      ])
    : `${random.pick(OPERATIONS)} a0, 0(a1)`;
  const at = window + (isAtomic ? offset & ~7 : offset);
  return `
    li a1, ${at}; li a2, 0x0000007300000073; mv a0, a2
    ${actAs(random)}
    la s10, 7f
    li t0, 0x20000
    csrs mstatus, t0
    ${operation}
    csrc mstatus, t0
    ${record('zero', 'zero', 'a0')}
  7:`;
};

const execute: Unit = (random) => `
    ${actAs(random)}
    li t0, ${random.pick(WINDOWS) + EXECUTED_OFFSET}
    csrw mepc, t0
    la s10, 7f
    mret
  7:`;

export function randomPagingUnits(count: number, random: Random): string[] {
  const units = [changeLeaf, changeLeaf, access, access, access, access, execute, execute];
  return Array.from({ length: count }, () => {
    return random.between(0, 60) === 0 ? changePointer(random) : random.pick(units)(random);
  });
}

/** A body for `runProgram`; at the end it records all leaves, with their A and D bits. */
export function randomPagingBody(units: readonly string[]): string {
  const mappings = LEAVES.map(({ label, virtual, level, targets }) => {
    return { label, virtual, level, physical: targets[0] as number, flags: KERNEL_PAGE };
  });
  return `
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    ${pageTables(mappings)}
    ${PAGING_ON}
    li t0, ${FREE_ADDRESS}
    li t1, ${FREE_ADDRESS + 0x200000 + PAGE * PAGES}
    li t2, 0x0000007300000073   # two ecalls
  1: sd t2, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    fence.i
    ${units.join('\n')}
    ${LEAVES.map(({ label }) => `la t0, ${label}; ld a0, 0(t0); ${record('a0')}`).join('\n')}
  `;
}
