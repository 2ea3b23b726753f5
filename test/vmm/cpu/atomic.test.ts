/** RV64A: read-modify-write operations of both widths, and reservations: when SC succeeds and when it must not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Case,
  checkCases,
  FREE_ADDRESS,
  ON_QEMU,
  record,
  runProgram,
  TRAP_RECORDER,
} from './run-program.js';

const VALUES = [
  0n,
  1n,
  -1n,
  0x7fffffffn,
  0x80000000n,
  -0x80000000n,
  0x123456789abcdef0n,
  -0x8000000000000000n,
];

/** What an operation stores; `u` reads its arguments as unsigned numbers of the width. */
const OPERATIONS: Readonly<
  Record<string, (memory: bigint, register: bigint, u: (v: bigint) => bigint) => bigint>
> = {
  amoswap: (_, register) => register,
  amoadd: (memory, register) => memory + register,
  amoxor: (memory, register) => memory ^ register,
  amoand: (memory, register) => memory & register,
  amoor: (memory, register) => memory | register,
  amomin: (memory, register) => (memory - register < 0n ? memory : register),
  amomax: (memory, register) => (memory - register > 0n ? memory : register),
  amominu: (memory, register, u) => (u(memory) < u(register) ? memory : register),
  amomaxu: (memory, register, u) => (u(memory) > u(register) ? memory : register),
};

const operations = suite('RV64A operations');

for (const [name, definition] of Object.entries(OPERATIONS)) {
  for (const width of ['w', 'd'] as const) {
    const bits = width === 'w' ? 32 : 64;
    const cut = (value: bigint) => BigInt.asIntN(bits, value);
    const u = (value: bigint) => BigInt.asUintN(bits, value);

    operations(`${name}.${width} returns the old value and stores the new one`, () => {
      const cases: Case[] = VALUES.flatMap((memory) =>
        VALUES.flatMap((register) => {
          const prepare = `li a1, ${FREE_ADDRESS}; li a2, ${register}; li a3, ${memory}; sd a3, 0(a1)`;
          const stored = cut(definition(cut(memory), cut(register), u));
          const upper = width === 'w' ? (memory >> 32n) << 32n : 0n;
          return [
            {
              name: `old ${memory}, ${register}`,
              code: `${prepare}; ${name}.${width} a0, a2, (a1)`,
              expected: cut(memory),
            },
            {
              name: `new ${memory}, ${register}`,
              code: `${prepare}; ${name}.${width}.aqrl zero, a2, (a1); ld a0, 0(a1)`,
              expected: upper | u(stored),
            },
          ];
        }),
      );
      checkCases(cases);
    });
  }
}

operations('the destination may be the address or the operand', () => {
  const prepare = `li a1, ${FREE_ADDRESS}; li a0, 5; sd a0, 0(a1); li a2, 3`;
  checkCases([
    { name: 'address', code: `${prepare}; amoadd.d a1, a2, (a1); mv a0, a1`, expected: 5 },
    { name: 'operand', code: `${prepare}; amoadd.d a2, a2, (a1); mv a0, a2`, expected: 5 },
    { name: 'operand stored', code: `${prepare}; amoswap.d a2, a2, (a1); ld a0, 0(a1)`, expected: 3 },
    {
      name: 'address stored',
      code: `${prepare}; amoswap.d a3, a1, (a1); ld a0, 0(a1)`,
      expected: FREE_ADDRESS,
    },
  ]);
});

operations('a misaligned atomic traps with its address, whatever the width', () => {
  const rows: [string, bigint, number][] = [
    ['lr.w a0, (a1)', 4n, 2],
    ['lr.d a0, (a1)', 4n, 4],
  ];
  // QEMU before version 8 reports the load of an AMO, and lets an SC fail before it looks at the address.
  if (!ON_QEMU) {
    rows.push(
      ['sc.w a0, a2, (a1)', 6n, 2],
      ['sc.d a0, a2, (a1)', 6n, 4],
      ['amoadd.w a0, a2, (a1)', 6n, 1],
      ['amoswap.d a0, a2, (a1)', 6n, 4],
    );
  }
  for (const [instruction, cause, offset] of rows) {
    const { records, symbols } = runProgram(`
      ${TRAP_RECORDER}
      li a1, ${FREE_ADDRESS + offset}
      la s10, after
    fault:
      ${instruction}
    after:
    `);
    assert.equal(
      records,
      [cause, symbols.get('fault') as bigint, BigInt(FREE_ADDRESS + offset)].map((v) =>
        BigInt.asUintN(64, v),
      ),
      instruction,
    );
  }
});

const reservations = suite('RV64A reservations');

const PREPARE = `li a1, ${FREE_ADDRESS}; li a2, 77; li a3, 0xffffffff80000005; sd a3, 0(a1); sd a3, 64(a1)`;

reservations('sc stores and returns 0 after lr of the same address, once', () => {
  checkCases([
    { name: 'lr.w extends the sign', code: `${PREPARE}; lr.w a0, (a1)`, expected: -0x7ffffffbn },
    { name: 'lr.d', code: `${PREPARE}; lr.d a0, (a1)`, expected: -0x7ffffffbn },
    { name: 'sc.w result', code: `${PREPARE}; lr.w a4, (a1); sc.w a0, a2, (a1)`, expected: 0 },
    {
      name: 'sc.w stored',
      code: `${PREPARE}; lr.w a4, (a1); sc.w a0, a2, (a1); ld a0, 0(a1)`,
      expected: 0xffffffff0000004dn,
    },
    {
      name: 'sc.d stored',
      code: `${PREPARE}; lr.d.aq a4, (a1); sc.d.rl a0, a2, (a1); ld a0, 0(a1)`,
      expected: 77,
    },
    {
      name: 'second sc fails',
      code: `${PREPARE}; lr.d a4, (a1); sc.d a0, a2, (a1); sc.d a0, a2, (a1)`,
      expected: 1,
    },
    {
      name: 'sc.w value cut',
      code: `${PREPARE}; li a2, -1; sd zero, 0(a1); lr.w a4, (a1); sc.w a0, a2, (a1); ld a0, 0(a1)`,
      expected: 0xffffffff,
    },
  ]);
});

reservations('sc without a reservation returns 1 and stores nothing', () => {
  const lose = `${PREPARE}; lr.d a4, (a1); sc.d a4, a4, (a1)`;
  checkCases([
    { name: 'result', code: `${lose}; sc.d a0, a2, (a1)`, expected: 1 },
    { name: 'memory', code: `${lose}; sc.d a0, a2, (a1); ld a0, 0(a1)`, expected: 0xffffffff80000005n },
    {
      name: 'other address',
      code: `${PREPARE}; lr.d a4, (a1); addi a5, a1, 64; sc.d a0, a2, (a5)`,
      expected: 1,
    },
    {
      name: 'other address, memory',
      code: `${PREPARE}; lr.d a4, (a1); addi a5, a1, 64; sc.d a0, a2, (a5); ld a0, 64(a1)`,
      expected: 0xffffffff80000005n,
    },
    {
      name: 'a failed sc loses the reservation',
      code: `${PREPARE}; lr.d a4, (a1); addi a5, a1, 64; sc.d a0, a2, (a5); sc.d a0, a2, (a1)`,
      expected: 1,
    },
  ]);
});

reservations('a retry loop ends and counts right', () => {
  const { records } = runProgram(`
    li a1, ${FREE_ADDRESS}
    sd zero, 0(a1)
    li a2, 1000
  1: lr.d a3, (a1)
    addi a3, a3, 3
    sc.d a4, a3, (a1)
    bnez a4, 1b
    addi a2, a2, -1
    bnez a2, 1b
    ld a0, 0(a1)
    ${record('a0')}
  `);
  assert.equal(records, [3000n]);
});

operations.run();
reservations.run();
