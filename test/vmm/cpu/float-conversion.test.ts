/** Conversions: limits of the integer types, rounding, NaNs; between the formats; moves between the register files. */
import { suite } from 'uvu';
import { CANONICAL_NAN, checkFloatCases, PAYLOAD_NAN, SIGNALING_NAN } from './float-cases.js';
import { checkCases, FREE_ADDRESS } from './run-program.js';

const INFINITY = Number.POSITIVE_INFINITY;
const test = suite('float conversions');

test('to a signed word: rounds as asked, saturates with NV', () => {
  checkFloatCases('d', [
    ['fcvt.w.d a0, fa1, rne', [2.5], 2, 'NX'],
    ['fcvt.w.d a0, fa1, rne', [3.5], 4, 'NX'],
    ['fcvt.w.d a0, fa1, rtz', [-1.9], -1, 'NX'],
    ['fcvt.w.d a0, fa1, rdn', [-1.1], -2, 'NX'],
    ['fcvt.w.d a0, fa1, rup', [1.1], 2, 'NX'],
    ['fcvt.w.d a0, fa1, rmm', [2.5], 3, 'NX'],
    ['fcvt.w.d a0, fa1, rmm', [-2.5], -3, 'NX'],
    ['fcvt.w.d a0, fa1, rne', [-0], 0, ''],
    ['fcvt.w.d a0, fa1, rne', [2 ** -1074], 0, 'NX'],
    ['fcvt.w.d a0, fa1, rup', [2 ** -1074], 1, 'NX'],
    ['fcvt.w.d a0, fa1, rne', [2147483647], 0x7fffffff, ''],
    ['fcvt.w.d a0, fa1, rne', [2147483647.4], 0x7fffffff, 'NX'],
    ['fcvt.w.d a0, fa1, rne', [2147483647.5], 0x7fffffff, 'NV'],
    ['fcvt.w.d a0, fa1, rtz', [2147483647.9], 0x7fffffff, 'NX'],
    ['fcvt.w.d a0, fa1, rne', [2147483648], 0x7fffffff, 'NV'],
    ['fcvt.w.d a0, fa1, rne', [-2147483648], -0x80000000, ''],
    ['fcvt.w.d a0, fa1, rtz', [-2147483648.9], -0x80000000, 'NX'],
    ['fcvt.w.d a0, fa1, rdn', [-2147483648.1], -0x80000000, 'NV'],
    ['fcvt.w.d a0, fa1, rne', [INFINITY], 0x7fffffff, 'NV'],
    ['fcvt.w.d a0, fa1, rne', [-INFINITY], -0x80000000, 'NV'],
    ['fcvt.w.d a0, fa1, rne', [PAYLOAD_NAN.d], 0x7fffffff, 'NV'],
  ]);
  checkFloatCases('s', [
    ['fcvt.w.s a0, fa1, rne', [-8388607.5], -8388608, 'NX'],
    ['fcvt.w.s a0, fa1, rne', [2147483520], 2147483520, ''],
    ['fcvt.w.s a0, fa1, rne', [2147483648], 0x7fffffff, 'NV'],
    ['fcvt.w.s a0, fa1, rne', [SIGNALING_NAN.s], 0x7fffffff, 'NV'],
  ]);
});

test('to an unsigned word: the result is sign-extended, negative numbers give 0', () => {
  checkFloatCases('d', [
    ['fcvt.wu.d a0, fa1, rne', [4294967295], -1, ''],
    ['fcvt.wu.d a0, fa1, rne', [4294967296], -1, 'NV'],
    ['fcvt.wu.d a0, fa1, rne', [2147483648], -0x80000000, ''],
    ['fcvt.wu.d a0, fa1, rtz', [-0.9], 0, 'NX'],
    ['fcvt.wu.d a0, fa1, rdn', [-0.1], 0, 'NV'],
    ['fcvt.wu.d a0, fa1, rne', [-1], 0, 'NV'],
    ['fcvt.wu.d a0, fa1, rne', [-INFINITY], 0, 'NV'],
    ['fcvt.wu.d a0, fa1, rne', [CANONICAL_NAN.d], -1, 'NV'],
  ]);
});

test('to long words', () => {
  checkFloatCases('d', [
    ['fcvt.l.d a0, fa1, rne', [2 ** 62 + 2 ** 10], 2n ** 62n + 2n ** 10n, ''],
    ['fcvt.l.d a0, fa1, rne', [2 ** 63], 2n ** 63n - 1n, 'NV'],
    ['fcvt.l.d a0, fa1, rne', [-(2 ** 63)], -(2n ** 63n), ''],
    ['fcvt.l.d a0, fa1, rne', [-(2 ** 63) - 2048], -(2n ** 63n), 'NV'],
    ['fcvt.l.d a0, fa1, rne', [CANONICAL_NAN.d], 2n ** 63n - 1n, 'NV'],
    ['fcvt.l.d a0, fa1, rne', [-0.5], 0, 'NX'],
    ['fcvt.l.d a0, fa1, rdn', [-0.5], -1, 'NX'],
    ['fcvt.lu.d a0, fa1, rne', [2 ** 64 - 2048], 2n ** 64n - 2048n, ''],
    ['fcvt.lu.d a0, fa1, rne', [2 ** 64], -1, 'NV'],
    ['fcvt.lu.d a0, fa1, rne', [-1], 0, 'NV'],
    ['fcvt.lu.d a0, fa1, rtz', [-0.5], 0, 'NX'],
    ['fcvt.lu.d a0, fa1, rne', [SIGNALING_NAN.d], -1, 'NV'],
  ]);
  checkFloatCases('s', [
    ['fcvt.l.s a0, fa1, rne', [2 ** 63], 2n ** 63n - 1n, 'NV'],
    ['fcvt.l.s a0, fa1, rne', [-(2 ** 63)], -(2n ** 63n), ''],
    ['fcvt.lu.s a0, fa1, rne', [2 ** 63], 2n ** 63n, ''],
    ['fcvt.lu.s a0, fa1, rup', [0.1], 1, 'NX'],
  ]);
});

test('from integers: rounds as asked when the format is too small', () => {
  checkFloatCases('d', [
    ['li a1, -1; fcvt.d.w fa0, a1', [], -1, ''],
    ['li a1, 0x1ffffffff; fcvt.d.w fa0, a1', [], -1, ''],
    ['li a1, -1; fcvt.d.wu fa0, a1', [], 4294967295, ''],
    ['li a1, 0; fcvt.d.l fa0, a1, rdn', [], 0, ''],
    ['li a1, 0x7fffffffffffffff; fcvt.d.l fa0, a1, rne', [], 2 ** 63, 'NX'],
    ['li a1, 0x7fffffffffffffff; fcvt.d.l fa0, a1, rtz', [], 2 ** 63 - 1024, 'NX'],
    ['li a1, -0x8000000000000000; fcvt.d.l fa0, a1', [], -(2 ** 63), ''],
    ['li a1, -1; fcvt.d.lu fa0, a1, rne', [], 2 ** 64, 'NX'],
    ['li a1, -1; fcvt.d.lu fa0, a1, rdn', [], 2 ** 64 - 2048, 'NX'],
  ]);
  checkFloatCases('s', [
    ['li a1, 16777217; fcvt.s.w fa0, a1, rne', [], 16777216, 'NX'],
    ['li a1, 16777219; fcvt.s.w fa0, a1, rne', [], 16777220, 'NX'],
    ['li a1, 16777217; fcvt.s.w fa0, a1, rup', [], 16777218, 'NX'],
    ['li a1, 16777217; fcvt.s.w fa0, a1, rmm', [], 16777218, 'NX'],
    ['li a1, -16777217; fcvt.s.w fa0, a1, rdn', [], -16777218, 'NX'],
    ['li a1, -1; fcvt.s.wu fa0, a1, rtz', [], 4294967040, 'NX'],
    ['li a1, -1; fcvt.s.lu fa0, a1, rne', [], 2 ** 64, 'NX'],
    ['li a1, 0x4000004000000001; fcvt.s.l fa0, a1, rne', [], 2 ** 62 + 2 ** 39, 'NX'],
  ]);
});

test('between single and double', () => {
  const toSingle = 'fcvt.s.d fa0, fa1';
  checkFloatCases('d', [
    [toSingle, [1.5], 0xffffffff3fc00000n, ''],
    [`${toSingle}, rne`, [0.1], 0xffffffff3dcccccdn, 'NX'],
    [`${toSingle}, rtz`, [0.1], 0xffffffff3dccccccn, 'NX'],
    [toSingle, [1e300], 0xffffffff7f800000n, 'OF NX'],
    [`${toSingle}, rtz`, [1e300], 0xffffffff7f7fffffn, 'OF NX'],
    [toSingle, [2 ** -149], 0xffffffff00000001n, ''],
    [toSingle, [2 ** -150], 0xffffffff00000000n, 'UF NX'],
    [toSingle, [-(2 ** -130)], 0xffffffff80080000n, ''],
    [toSingle, [-INFINITY], 0xffffffffff800000n, ''],
    [toSingle, [PAYLOAD_NAN.d], CANONICAL_NAN.s, ''],
    [toSingle, [SIGNALING_NAN.d], CANONICAL_NAN.s, 'NV'],
  ]);
  const toDouble = 'fcvt.d.s fa0, fa1';
  checkFloatCases('s', [
    [toDouble, [1.5], 0x3ff8000000000000n, ''],
    [toDouble, [2 ** -149], 0x36a0000000000000n, ''],
    [toDouble, [-0], 0x8000000000000000n, ''],
    [toDouble, [PAYLOAD_NAN.s], CANONICAL_NAN.d, ''],
    [toDouble, [SIGNALING_NAN.s], CANONICAL_NAN.d, 'NV'],
  ]);
});

test('a single that is not NaN-boxed counts as the canonical NaN', () => {
  const unboxed = 0x000000003f800000n;
  checkFloatCases('s', [
    ['fadd.s fa0, fa1, fa2', [unboxed, 1], CANONICAL_NAN.s, ''],
    ['fmadd.s fa0, fa1, fa2, fa3', [1, 1, unboxed], CANONICAL_NAN.s, ''],
    ['fmin.s fa0, fa1, fa2', [unboxed, 1], 1, ''],
    ['fsgnj.s fa0, fa1, fa1', [unboxed], CANONICAL_NAN.s, ''],
    ['fsgnjn.s fa0, fa2, fa1', [unboxed, 1], -1, ''],
    ['feq.s a0, fa1, fa1', [unboxed], 0, ''],
    ['fclass.s a0, fa1', [unboxed], 512, ''],
    ['fcvt.w.s a0, fa1', [unboxed], 0x7fffffff, 'NV'],
    ['fcvt.d.s fa0, fa1', [unboxed], CANONICAL_NAN.d, ''],
    ['fsqrt.s fa0, fa1', [0xfffffffe3f800000n], CANONICAL_NAN.s, ''],
  ]);
});

test('moves, loads and stores carry bits and do not look at them', () => {
  checkCases(
    [
      { name: 'fmv.x.w', code: 'fmv.d.x fa0, a1; fmv.x.w a0, fa0', expected: 0xffffffff89abcdefn },
      { name: 'fmv.x.d', code: 'fmv.d.x fa0, a1; fmv.x.d a0, fa0', expected: 0x0123456789abcdefn },
      { name: 'fmv.w.x boxes', code: 'fmv.w.x fa0, a1; fmv.x.d a0, fa0', expected: 0xffffffff89abcdefn },
      {
        name: 'flw boxes',
        code: 'sd a1, 0(a2); flw fa0, 0(a2); fmv.x.d a0, fa0',
        expected: 0xffffffff89abcdefn,
      },
      {
        name: 'fsw',
        code: 'sd zero, 0(a2); fmv.d.x fa0, a1; fsw fa0, 0(a2); ld a0, 0(a2)',
        expected: 0x89abcdef,
      },
      {
        name: 'fld misaligned',
        code: 'sd a1, 3(a2); fld fa0, 3(a2); fmv.x.d a0, fa0',
        expected: 0x0123456789abcdefn,
      },
      {
        name: 'fsd misaligned',
        code: 'fmv.d.x fa0, a1; fsd fa0, 5(a2); ld a0, 5(a2)',
        expected: 0x0123456789abcdefn,
      },
      {
        name: 'signaling NaN kept',
        code: 'li a1, 0x7f800001; fmv.w.x fa0, a1; fmv.x.w a0, fa0',
        expected: 0x7f800001,
      },
    ],
    `li t0, 0x6000; csrs mstatus, t0; li a1, 0x0123456789abcdef; li a2, ${FREE_ADDRESS}`,
  );
});

test.run();
