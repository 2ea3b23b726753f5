/** RV64M: products with their upper halves, division and remainder with the results that replace traps. */
import { suite } from 'uvu';
import { type Case, checkCases } from './run-program.js';

const MIN = -0x8000000000000000n;
const MAX = 0x7fffffffffffffffn;
const VALUES = [
  0n,
  1n,
  -1n,
  2n,
  -2n,
  7n,
  -7n,
  MIN,
  MAX,
  0x80000000n,
  -0x80000000n,
  0xffffffffn,
  0x9e3779b97f4a7c15n,
];

const signed = (value: bigint) => BigInt.asIntN(64, value);
const unsigned = (value: bigint) => BigInt.asUintN(64, value);
const word = (value: bigint) => BigInt.asIntN(32, value);
const unsignedWord = (value: bigint) => BigInt.asUintN(32, value);

/** The definitions of the manual, in integers without bounds; the result is cut to the register. */
const DEFINITIONS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  mul: (a, b) => a * b,
  mulh: (a, b) => (signed(a) * signed(b)) >> 64n,
  mulhsu: (a, b) => (signed(a) * unsigned(b)) >> 64n,
  mulhu: (a, b) => (unsigned(a) * unsigned(b)) >> 64n,
  div: (a, b) => (b === 0n ? -1n : signed(a) / signed(b)),
  divu: (a, b) => (b === 0n ? -1n : unsigned(a) / unsigned(b)),
  rem: (a, b) => (b === 0n ? a : signed(a) % signed(b)),
  remu: (a, b) => (b === 0n ? a : unsigned(a) % unsigned(b)),
  mulw: (a, b) => word(a * b),
  divw: (a, b) => (word(b) === 0n ? -1n : word(word(a) / word(b))),
  divuw: (a, b) => (word(b) === 0n ? -1n : word(unsignedWord(a) / unsignedWord(b))),
  remw: (a, b) => (word(b) === 0n ? word(a) : word(word(a) % word(b))),
  remuw: (a, b) => (word(b) === 0n ? word(a) : word(unsignedWord(a) % unsignedWord(b))),
};

const test = suite('RV64M');

for (const [op, definition] of Object.entries(DEFINITIONS)) {
  test(`${op} follows its definition for all pairs of telling values`, () => {
    const cases: Case[] = VALUES.flatMap((left) =>
      VALUES.map((right) => ({
        name: `${op} ${left}, ${right}`,
        code: `li a1, ${left}; li a2, ${right}; ${op} a0, a1, a2`,
        expected: definition(signed(left), signed(right)),
      })),
    );
    checkCases(cases);
  });
}

test('division by zero gives all ones and leaves the dividend as remainder', () => {
  checkCases([
    { name: 'div', code: 'li a1, 42; div a0, a1, zero', expected: -1 },
    { name: 'divu', code: 'li a1, 42; divu a0, a1, zero', expected: MAX * 2n + 1n },
    { name: 'rem', code: 'li a1, -42; rem a0, a1, zero', expected: -42 },
    { name: 'remu', code: 'li a1, -42; remu a0, a1, zero', expected: -42 },
    { name: 'divuw', code: 'li a1, 42; divuw a0, a1, zero', expected: -1 },
    { name: 'remuw', code: 'li a1, 0x80000000; remuw a0, a1, zero', expected: -0x80000000 },
  ]);
});

test('the one overflow of division gives the dividend and remainder 0', () => {
  checkCases([
    { name: 'div', code: `li a1, ${MIN}; li a2, -1; div a0, a1, a2`, expected: MIN },
    { name: 'rem', code: `li a1, ${MIN}; li a2, -1; rem a0, a1, a2`, expected: 0 },
    { name: 'divw', code: 'li a1, -0x80000000; li a2, -1; divw a0, a1, a2', expected: -0x80000000 },
    { name: 'remw', code: 'li a1, -0x80000000; li a2, -1; remw a0, a1, a2', expected: 0 },
  ]);
});

test('the destination may be one of the operands', () => {
  checkCases([
    { name: 'mul', code: 'li a0, 7; li a1, 6; mul a0, a0, a1', expected: 42 },
    { name: 'mulh', code: 'li a0, -1; mulh a0, a0, a0', expected: 0 },
    { name: 'mulhu', code: 'li a0, -1; mulhu a0, a0, a0', expected: -2 },
    { name: 'rem', code: 'li a0, 7; li a1, 4; rem a1, a0, a1; mv a0, a1', expected: 3 },
  ]);
});

test.run();
