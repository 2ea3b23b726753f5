/** Physical memory protection: address matching, permissions by mode, priority, locking. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { causeIn } from './modes.js';
import { checkCases, FREE_ADDRESS, ON_QEMU, record, runProgram, TRAP_RECORDER } from './run-program.js';

const READ = 1;
const WRITE = 2;
const EXECUTE = 4;
const TOR = 1 << 3;
const NA4 = 2 << 3;
const NAPOT = 3 << 3;
const LOCK = 0x80;
const DATA = FREE_ADDRESS;
/** As pmpaddr wants it: without the low two bits, and for NAPOT the size in the ones at the end. */
const WORD = DATA / 4;
const PAGE = WORD + 0x1ff;

/** Entry 0 for the page at DATA, entry 1 for all memory. `causeIn` has opened everything by entry 0 before. */
function protect(config: number, address = PAGE): string {
  return `
    li t0, -1
    csrw pmpaddr1, t0
    li t0, ${address}
    csrw pmpaddr0, t0
    li t0, ${(0x1f << 8) | config}
    csrw pmpcfg0, t0
    sfence.vma
    li a1, ${DATA}
  `;
}

const test = suite('PMP');

test('an entry decides for each kind of access by its own bit', () => {
  const rows: [number, string, bigint | null][] = [
    [READ, 'ld a0, 0(a1)', null],
    [READ, 'sd a0, 0(a1)', 7n],
    [READ, 'amoadd.d a0, a2, (a1)', 7n],
    [READ, 'lr.d a0, (a1)', null],
    [READ | WRITE, 'sd a0, 0(a1)', null],
    [READ | WRITE, 'amoadd.d a0, a2, (a1)', null],
    [EXECUTE, 'ld a0, 0(a1)', 5n],
    [EXECUTE, 'lr.d a0, (a1)', 5n],
    [0, 'ld a0, 0(a1)', 5n],
    [0, 'sb a0, 0(a1)', 7n],
  ];
  for (const [permissions, instruction, cause] of rows) {
    for (const mode of ['s', 'u'] as const) {
      assert.is(
        causeIn(mode, instruction, protect(NAPOT | permissions)),
        cause,
        `${permissions} ${instruction} in ${mode}`,
      );
    }
    assert.is(causeIn('m', instruction, protect(NAPOT | permissions)), null, `${instruction} in M`);
  }
});

test('fetches need the execute bit', () => {
  for (const [permissions, mcause] of [
    [READ | WRITE, 1n],
    [EXECUTE, 9n],
  ] as const) {
    const { records } = runProgram(`
      ${TRAP_RECORDER}
      ${protect(NAPOT | permissions)}
      li t0, 0x73               # ecall
      sw t0, 0(a1)
      fence.i
      la s10, after
      csrw mepc, a1
      li t0, 0x1800
      csrc mstatus, t0
      li t0, 0x800
      csrs mstatus, t0
      mret
    after:
    `);
    assert.equal(records.slice(0, 2), [mcause, BigInt(DATA)]);
  }
});

test('without a matching entry S and U have nothing, M everything', () => {
  const none = `${protect(NAPOT)}; li t0, ${NAPOT | READ | WRITE | EXECUTE}; csrw pmpcfg0, t0; li t0, (0x80000000 >> 2) | 0x3ffff; csrw pmpaddr0, t0`;
  assert.is(causeIn('s', 'ld a0, 0(a1)', none), 5n);
  assert.is(causeIn('m', 'ld a0, 0(a1)', none), null);
});

test('a top-of-range entry begins where the one before it ends', () => {
  const setup = (instruction: string) =>
    causeIn(
      's',
      instruction,
      `li t0, ${WORD}; csrw pmpaddr0, t0; li t0, ${WORD + 0x40}; csrw pmpaddr1, t0; li t0, -1; csrw pmpaddr2, t0
       li t0, ${(0x1f << 16) | ((TOR | READ) << 8)}; csrw pmpcfg0, t0; li a1, ${DATA}`,
    );
  assert.is(setup('sd a0, -8(a1)'), null, 'below');
  assert.is(setup('sd a0, 0(a1)'), 7n, 'first');
  assert.is(setup('ld a0, 0xf8(a1)'), null, 'last, read');
  assert.is(setup('sd a0, 0xf8(a1)'), 7n, 'last, written');
  assert.is(setup('sd a0, 0x100(a1)'), null, 'behind');
});

test('a four-byte entry covers four bytes, and an access partly inside fails', () => {
  const four = (instruction: string) => causeIn('s', instruction, protect(NA4 | READ | WRITE, WORD));
  assert.is(four('lw a0, 0(a1)'), null);
  assert.is(four('ld a0, 0(a1)'), 5n);
  const denied = (instruction: string) => causeIn('s', instruction, protect(NA4, WORD + 1));
  assert.is(denied('lw a0, 0(a1)'), null);
  assert.is(denied('lw a0, 4(a1)'), 5n);
  assert.is(denied('ld a0, 0(a1)'), 5n);
  assert.is(denied('lw a0, 8(a1)'), null);
});

test('the entry with the lowest number wins', () => {
  assert.is(causeIn('s', 'sd a0, 0(a1)', protect(NAPOT | READ)), 7n, 'entry 1 would allow it');
  assert.is(causeIn('s', 'ld a0, 0(a1)', protect(NAPOT | READ)), null);
});

test('a change of the entries takes effect for pages that were used before', () => {
  const used = `${protect(NAPOT | READ | WRITE)}; ld a0, 0(a1); sd a0, 0(a1)`;
  assert.is(causeIn('s', 'ld a0, 0(a1)', `${used}; ${protect(NAPOT | WRITE | READ)}`), null);
  assert.is(causeIn('s', 'ld a0, 0(a1)', `${used}; ${protect(NAPOT)}`), 5n);
});

test('MPRV makes accesses of M those of the previous mode', () => {
  const { records } = runProgram(`
    ${TRAP_RECORDER}
    ${protect(NAPOT | READ)}
    la s10, after
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x20800
    csrs mstatus, t0
    ld a0, 0(a1)
    sd a0, 0(a1)
  after:
  `);
  assert.equal([records[0], records[2]], [7n, BigInt(DATA)]);
});

test('a locked entry binds M too, and cannot be changed', () => {
  assert.is(causeIn('m', 'ld a0, 0(a1)', protect(NAPOT | READ | LOCK)), null);
  assert.is(causeIn('m', 'sd a0, 0(a1)', protect(NAPOT | READ | LOCK)), 7n);
  const lock = `${protect(NAPOT | READ | LOCK)}; li a2, 0`;
  checkCases([
    {
      name: 'configuration',
      code: `${lock}; csrw pmpcfg0, a2; csrr a0, pmpcfg0; andi a0, a0, 0xff`,
      expected: NAPOT | READ | LOCK,
    },
  ]);
  checkCases([{ name: 'address', code: `${lock}; csrw pmpaddr0, a2; csrr a0, pmpaddr0`, expected: PAGE }]);
});

test('addresses have 54 bits and the odd configuration registers do not exist', () => {
  checkCases([
    { name: 'pmpaddr', code: 'li a1, -1; csrw pmpaddr3, a1; csrr a0, pmpaddr3', expected: 0x3fffffffffffffn },
  ]);
  assert.is(causeIn('m', 'csrr a0, pmpcfg1'), 2n);
  if (ON_QEMU) return; // before version 8 keeps the reserved combination
  const { records } = runProgram(`
    li a0, 0x0102030000000000
    csrw pmpcfg2, a0
    csrr a0, pmpcfg2
    ${record('a0')}
  `);
  assert.equal(records, [0x0100030000000000n], 'writable without readable is reserved');
});

test.run();
