/** Zicsr: what the six instructions read and write, who may touch which register, and values made legal. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attempt, causeIn } from './modes.js';
import { checkCases, ON_QEMU } from './run-program.js';

const ILLEGAL = 2n;

const instructions = suite('Zicsr instructions');

instructions('swap, set and clear return the old value and write the new one', () => {
  const old = 'li a1, 0xf0; csrw mscratch, a1; li a2, 0x3c';
  const after = (instruction: string) => `${old}; ${instruction}; csrr a0, mscratch`;
  checkCases([
    { name: 'csrrw old', code: `${old}; csrrw a0, mscratch, a2`, expected: 0xf0 },
    { name: 'csrrw new', code: after('csrrw a0, mscratch, a2'), expected: 0x3c },
    { name: 'csrrs old', code: `${old}; csrrs a0, mscratch, a2`, expected: 0xf0 },
    { name: 'csrrs new', code: after('csrrs a0, mscratch, a2'), expected: 0xfc },
    { name: 'csrrc old', code: `${old}; csrrc a0, mscratch, a2`, expected: 0xf0 },
    { name: 'csrrc new', code: after('csrrc a0, mscratch, a2'), expected: 0xc0 },
    { name: 'csrrwi new', code: after('csrrwi a0, mscratch, 31'), expected: 31 },
    { name: 'csrrsi new', code: after('csrrsi a0, mscratch, 15'), expected: 0xff },
    { name: 'csrrci new', code: after('csrrci a0, mscratch, 16'), expected: 0xe0 },
    { name: 'csrrw x0 writes', code: after('csrrw zero, mscratch, a2'), expected: 0x3c },
    { name: 'csrrs x0 source', code: after('csrrs a0, mscratch, zero'), expected: 0xf0 },
    { name: 'csrrci 0', code: after('csrrci a0, mscratch, 0'), expected: 0xf0 },
    { name: 'one register for both', code: `${old}; csrrw a2, mscratch, a2; mv a0, a2`, expected: 0xf0 },
    { name: 'one register for both, written', code: after('csrrw a2, mscratch, a2'), expected: 0x3c },
  ]);
});

instructions('a register that is read-only may be read by set and clear of nothing, not written', () => {
  for (const csr of ['mvendorid', 'mhartid', 'cycle', 'time', 'instret', 'hpmcounter3']) {
    assert.is(causeIn('m', `csrrs a0, ${csr}, zero`), null, `csrrs of ${csr}`);
    assert.is(causeIn('m', `csrrci a0, ${csr}, 0`), null, `csrrci of ${csr}`);
    assert.is(causeIn('m', `csrrw a0, ${csr}, zero`), ILLEGAL, `csrrw to ${csr}`);
    assert.is(causeIn('m', `csrrs a0, ${csr}, a1`, 'li a1, 0'), ILLEGAL, `csrrs to ${csr}, value 0`);
    assert.is(causeIn('m', `csrrsi a0, ${csr}, 1`), ILLEGAL, `csrrsi to ${csr}`);
  }
});

instructions('an illegal access changes neither register nor CSR and reports itself', () => {
  const trap = attempt({ mode: 'm', instruction: 'csrrw a0, 0x7c0, a1' });
  assert.equal(trap, { mcause: ILLEGAL, mtval: 0x7c059573n, offset: 0n });
});

instructions('registers that do not exist are illegal in every mode', () => {
  for (const number of ['0x000', '0x040', '0x7c0', '0x800', '0x9ff', '0xbff', '0xcff', '0xfff', '0x5c0']) {
    for (const mode of ['m', 's', 'u'] as const) {
      assert.is(causeIn(mode, `csrrs a0, ${number}, zero`), ILLEGAL, `${number} in ${mode}`);
    }
  }
});

instructions('a mode cannot reach the registers of a higher one', () => {
  const machine = [
    'mstatus',
    'misa',
    'medeleg',
    'mie',
    'mtvec',
    'mscratch',
    'mepc',
    'mip',
    'pmpcfg0',
    'mhartid',
    'mcycle',
  ];
  for (const csr of machine) {
    assert.is(causeIn('s', `csrr a0, ${csr}`), ILLEGAL, `${csr} in S`);
    assert.is(causeIn('u', `csrr a0, ${csr}`), ILLEGAL, `${csr} in U`);
  }
  for (const csr of [
    'sstatus',
    'sie',
    'stvec',
    'sscratch',
    'sepc',
    'scause',
    'stval',
    'sip',
    'satp',
    'senvcfg',
  ]) {
    assert.is(causeIn('s', `csrr a0, ${csr}`), null, `${csr} in S`);
    assert.is(causeIn('u', `csrr a0, ${csr}`), ILLEGAL, `${csr} in U`);
  }
});

const values = suite('CSR values');

/** Writes `written` to `csr` and expects to read `expected` back. */
function legal(csr: string, written: bigint | number, expected: bigint | number) {
  return {
    name: `${csr} = ${written}`,
    code: `li a1, ${written}; csrw ${csr}, a1; csrr a0, ${csr}`,
    expected,
  };
}

values('exception addresses are even and vectors keep a mode that exists', () => {
  checkCases([
    legal('mepc', -1, -2),
    legal('sepc', 0x80000003, 0x80000002),
    legal('mtvec', 0x80000000, 0x80000000),
    legal('mtvec', 0x80000101, 0x80000101),
    legal('stvec', 0x80000101, 0x80000101),
    {
      name: 'mtvec mode 2',
      code: 'li a1, 0x80000102; csrw mtvec, a1; csrr a0, mtvec; andi a0, a0, 2',
      expected: 0,
    },
    {
      name: 'stvec mode 3',
      code: 'li a1, 0x80000103; csrw stvec, a1; csrr a0, stvec; andi a0, a0, 2',
      expected: 0,
    },
  ]);
});

values('scratch, cause and value registers keep all bits', () => {
  const csrs = ['mscratch', 'sscratch', 'mtval', 'stval'];
  checkCases(
    csrs.flatMap((csr) => [legal(csr, -1, -1), legal(csr, 0x123456789abcdef0n, 0x123456789abcdef0n)]),
  );
  checkCases(
    ['mcause', 'scause'].flatMap((csr) => [
      legal(csr, 15, 15),
      legal(csr, -(2n ** 63n) + 11n, -(2n ** 63n) + 11n),
    ]),
  );
});

values('misa says RV64 with A, C, D, F, I, M, S and U, and cannot lose C', () => {
  const letters = [...'acdfimsu'].reduce(
    (bits, letter) => bits | (1n << BigInt(letter.charCodeAt(0) - 97)),
    0n,
  );
  checkCases([
    { name: 'width', code: 'csrr a0, misa; srli a0, a0, 62', expected: 2 },
    { name: 'extensions', code: `csrr a0, misa; li a1, ${letters}; and a0, a0, a1`, expected: letters },
  ]);
  if (ON_QEMU) return;
  checkCases([{ name: 'C is fixed', code: 'csrci misa, 4; csrr a0, misa; andi a0, a0, 4', expected: 4 }]);
});

values('mstatus has 64-bit modes only and keeps its writable bits', () => {
  const writable = 0x7e79aan;
  checkCases([
    { name: 'UXL and SXL', code: 'csrr a0, mstatus; srli a0, a0, 32; andi a0, a0, 15', expected: 0xa },
    {
      name: 'all bits',
      code: `li a1, ${writable & ~0x1800n}; csrw mstatus, a1; csrr a0, mstatus; li a1, 0xffffffff; and a0, a0, a1; csrw mstatus, zero`,
      expected: writable & ~0x1800n,
    },
    {
      name: 'MPP = M',
      code: 'li a1, 0x1800; csrw mstatus, a1; csrr a0, mstatus; and a0, a0, a1',
      expected: 0x1800,
    },
    {
      name: 'MPP = S',
      code: 'li a1, 0x800; csrw mstatus, a1; csrr a0, mstatus; li a1, 0x1800; and a0, a0, a1',
      expected: 0x800,
    },
  ]);
  if (ON_QEMU) return;
  const reserved =
    'csrw mstatus, zero; li a1, 0x1000; csrw mstatus, a1; csrr a0, mstatus; srli a0, a0, 11; andi a0, a0, 3; addi a0, a0, -2; snez a0, a0';
  checkCases([{ name: 'MPP = 2 does not exist', code: reserved, expected: 1 }]);
});

values('sstatus is a part of mstatus', () => {
  const shared = 0xc6122n;
  checkCases([
    {
      name: 'seen',
      code: `li a1, ${shared}; csrs mstatus, a1; csrr a0, sstatus; and a0, a0, a1; csrc mstatus, a1`,
      expected: shared,
    },
    {
      name: 'written',
      code: `li a1, ${shared}; csrs sstatus, a1; csrr a0, mstatus; and a0, a0, a1; csrc sstatus, a1`,
      expected: shared,
    },
    {
      name: 'hidden',
      code: 'li a1, 0x721888; csrs mstatus, a1; csrr a0, sstatus; and a0, a0, a1',
      expected: 0,
    },
    {
      name: 'protected',
      code: 'li a1, 0x721888; csrc mstatus, a1; csrs sstatus, a1; csrr a0, mstatus; and a0, a0, a1',
      expected: 0,
    },
  ]);
});

values('interrupt registers: what can be set, what is delegated is what S sees', () => {
  checkCases([
    {
      name: 'mie',
      code: 'li a1, 0xaaa; csrw mie, a1; csrr a0, mie; and a0, a0, a1; csrw mie, zero',
      expected: 0xaaa,
    },
    {
      name: 'mideleg',
      code: 'li a1, 0x222; csrw mideleg, a1; csrr a0, mideleg; and a0, a0, a1',
      expected: 0x222,
    },
    {
      name: 'mideleg M',
      code: 'li a1, -1; csrw mideleg, a1; csrr a0, mideleg; li a1, 0x888; and a0, a0, a1',
      expected: 0,
    },
    {
      name: 'medeleg',
      code: 'li a1, 0xb3ff; csrw medeleg, a1; csrr a0, medeleg; and a0, a0, a1',
      expected: 0xb3ff,
    },
    {
      name: 'medeleg of M ecall',
      code: 'li a1, -1; csrw medeleg, a1; csrr a0, medeleg; srli a0, a0, 11; andi a0, a0, 1; csrw medeleg, zero',
      expected: 0,
    },
    {
      name: 'sie hides',
      code: 'csrw mideleg, zero; li a1, 0xaaa; csrw mie, a1; csrr a0, sie; csrw mie, zero',
      expected: 0,
    },
    {
      name: 'sie shows',
      code: 'li a1, 0x200; csrw mideleg, a1; li a1, 0xaaa; csrw mie, a1; csrr a0, sie; csrw mie, zero',
      expected: 0x200,
    },
    {
      name: 'sie writes',
      code: 'li a1, 0x022; csrw mideleg, a1; csrw mie, zero; li a1, -1; csrw sie, a1; csrr a0, mie; li a1, 0xaaa; and a0, a0, a1; csrw mie, zero',
      expected: 0x022,
    },
    {
      name: 'mip software bits',
      code: 'li a1, 0x222; csrs mip, a1; csrr a0, mip; and a0, a0, a1; csrc mip, a1',
      expected: 0x222,
    },
    {
      name: 'mip wires',
      code: 'csrr a0, mip; li a1, 0x888; csrs mip, a1; csrr a2, mip; xor a0, a0, a2',
      expected: 0,
    },
    {
      name: 'sip writes SSIP only',
      code: 'li a1, 0x222; csrw mideleg, a1; csrc mip, a1; csrs sip, a1; csrr a0, sip; csrc mip, a1',
      expected: 2,
    },
  ]);
});

values('satp takes no mode but Bare and Sv39, and refuses the whole write', () => {
  checkCases([
    legal('satp', (8n << 60n) | 0x80123n, BigInt.asIntN(64, (8n << 60n) | 0x80123n)),
    { name: 'bare', code: 'csrw satp, zero; csrr a0, satp', expected: 0 },
  ]);
  if (ON_QEMU) return;
  checkCases([
    { name: 'Sv48', code: 'li a1, (9 << 60) | 5; csrw satp, a1; csrr a0, satp', expected: 0 },
    { name: 'Sv57', code: 'li a1, (10 << 60) | 5; csrw satp, a1; csrr a0, satp', expected: 0 },
    { name: 'mode 1', code: 'li a1, (1 << 60) | 5; csrw satp, a1; csrr a0, satp', expected: 0 },
  ]);
});

values('the hart is number 0', () => {
  checkCases([{ name: 'mhartid', code: 'csrr a0, mhartid', expected: 0 }]);
});

instructions.run();
values.run();
