/** F and D arithmetic: rounding modes, overflow and underflow, NaNs, fused operations, comparisons, classes. */
import { suite } from 'uvu';
import {
  CANONICAL_NAN,
  checkFloatCases,
  type FloatCase,
  type FloatFormat,
  PAYLOAD_NAN,
  SIGNALING_NAN,
} from './float-cases.js';

const INFINITY = Number.POSITIVE_INFINITY;

/** What differs between the two formats, so that one table can be read for both. */
const LIMITS = {
  s: { max: 2 ** 128 - 2 ** 104, leastNormal: 2 ** -126, least: 2 ** -149, epsilon: 2 ** -23 },
  d: { max: Number.MAX_VALUE, leastNormal: 2 ** -1022, least: 2 ** -1074, epsilon: 2 ** -52 },
} as const;

for (const format of ['s', 'd'] as const satisfies FloatFormat[]) {
  const { max, leastNormal, least, epsilon } = LIMITS[format];
  const nan = CANONICAL_NAN[format];
  const quiet = PAYLOAD_NAN[format];
  const signaling = SIGNALING_NAN[format];
  const test = suite(format === 's' ? 'F arithmetic' : 'D arithmetic');
  /** Writes instructions as `fadd`, with format and registers added. */
  const check = (rows: readonly FloatCase[]) => {
    const cases = rows.map(([text, operands, result, flags]): FloatCase => {
      const [name, rounding] = text.split(' ');
      const sources = operands.map((_, index) => `fa${index + 1}`).join(', ');
      const destination = ['feq', 'flt', 'fle', 'fclass'].includes(name as string) ? 'a0' : 'fa0';
      const mode = rounding === undefined ? '' : `, ${rounding}`;
      return [`${name}.${format} ${destination}, ${sources}${mode}`, operands, result, flags];
    });
    checkFloatCases(format, cases);
  };

  test('exact results raise no flag', () => {
    check([
      ['fadd', [1, 2], 3, ''],
      ['fsub', [1, 2], -1, ''],
      ['fmul', [-3, 0.5], -1.5, ''],
      ['fdiv', [-3, 2], -1.5, ''],
      ['fsqrt', [6.25], 2.5, ''],
      ['fadd', [least, least], 2 * least, ''],
      ['fmul', [leastNormal, 0.5], leastNormal / 2, ''],
      ['fsub', [INFINITY, 1], INFINITY, ''],
      ['fdiv', [1, INFINITY], 0, ''],
      ['fdiv', [-1, INFINITY], -0, ''],
      ['fsqrt', [-0], -0, ''],
      ['fsqrt', [INFINITY], INFINITY, ''],
    ]);
  });

  test('each rounding mode rounds the half-way case in its direction', () => {
    const half = epsilon / 2;
    check([
      ['fadd rne', [1, half], 1, 'NX'],
      ['fadd rtz', [1, half], 1, 'NX'],
      ['fadd rdn', [1, half], 1, 'NX'],
      ['fadd rup', [1, half], 1 + epsilon, 'NX'],
      ['fadd rmm', [1, half], 1 + epsilon, 'NX'],
      ['fadd rne', [1 + epsilon, half], 1 + 2 * epsilon, 'NX'],
      ['fadd rtz', [1 + epsilon, half], 1 + epsilon, 'NX'],
      ['fsub rne', [-1, half], -1, 'NX'],
      ['fsub rdn', [-1, half], -1 - epsilon, 'NX'],
      ['fsub rup', [-1, half], -1, 'NX'],
      ['fsub rmm', [-1, half], -1 - epsilon, 'NX'],
    ]);
  });

  test('division and roots are rounded as asked', () => {
    const third = format === 'd' ? 0x3fd5555555555555n : 0xffffffff3eaaaaaan;
    const root = format === 'd' ? 0x3ff6a09e667f3bccn : 0xffffffff3fb504f3n;
    check([
      ['fdiv rtz', [1, 3], third, 'NX'],
      ['fdiv rdn', [1, 3], third, 'NX'],
      ['fdiv rup', [1, 3], third + 1n, 'NX'],
      ['fdiv rne', [1, 3], format === 'd' ? third : third + 1n, 'NX'],
      ['fdiv rup', [-1, 3], BigInt.asUintN(64, third | (format === 'd' ? 1n << 63n : 1n << 31n)), 'NX'],
      ['fsqrt rdn', [2], root, 'NX'],
      ['fsqrt rup', [2], root + 1n, 'NX'],
      ['fsqrt rne', [2], format === 'd' ? root + 1n : root, 'NX'],
    ]);
  });

  test('the sign of a zero sum depends on the rounding mode', () => {
    check([
      ['fsub rne', [1, 1], 0, ''],
      ['fsub rdn', [1, 1], -0, ''],
      ['fadd rup', [0, -0], 0, ''],
      ['fadd rdn', [0, -0], -0, ''],
      ['fadd rne', [-0, -0], -0, ''],
      ['fmul rdn', [0, -1], -0, ''],
    ]);
  });

  test('overflow gives infinity or the largest number by rounding mode', () => {
    check([
      ['fadd rne', [max, max], INFINITY, 'OF NX'],
      ['fadd rtz', [max, max], max, 'OF NX'],
      ['fadd rdn', [max, max], max, 'OF NX'],
      ['fadd rup', [max, max], INFINITY, 'OF NX'],
      ['fadd rmm', [max, max], INFINITY, 'OF NX'],
      ['fmul rup', [-max, 2], -max, 'OF NX'],
      ['fmul rdn', [-max, 2], -INFINITY, 'OF NX'],
      ['fdiv rne', [max, 0.5], INFINITY, 'OF NX'],
    ]);
  });

  test('underflow is raised when the result is tiny and inexact', () => {
    check([
      ['fmul rne', [least, 0.5], 0, 'UF NX'],
      ['fmul rup', [least, 0.5], least, 'UF NX'],
      ['fmul rdn', [-least, 0.5], -least, 'UF NX'],
      ['fmul rmm', [least, 0.5], least, 'UF NX'],
      ['fmul rne', [3 * least, 0.5], 2 * least, 'UF NX'],
      ['fdiv rne', [leastNormal, 3], Math.round(leastNormal / least / 3) * least, 'UF NX'],
      ['fmul rne', [leastNormal, 1 - epsilon / 2], leastNormal, 'UF NX'],
      ['fadd rne', [leastNormal, -least], leastNormal - least, ''],
    ]);
  });

  test('invalid operations give the canonical NaN', () => {
    check([
      ['fsub', [INFINITY, INFINITY], nan, 'NV'],
      ['fadd', [INFINITY, -INFINITY], nan, 'NV'],
      ['fmul', [0, INFINITY], nan, 'NV'],
      ['fdiv', [0, 0], nan, 'NV'],
      ['fdiv', [INFINITY, INFINITY], nan, 'NV'],
      ['fsqrt', [-1], nan, 'NV'],
      ['fsqrt', [-INFINITY], nan, 'NV'],
      ['fdiv', [1, 0], INFINITY, 'DZ'],
      ['fdiv', [1, -0], -INFINITY, 'DZ'],
      ['fdiv', [INFINITY, 0], INFINITY, ''],
    ]);
  });

  test('a NaN operand gives the canonical NaN, invalid only when it signals', () => {
    check([
      ['fadd', [quiet, 1], nan, ''],
      ['fadd', [1, quiet], nan, ''],
      ['fmul', [signaling, 1], nan, 'NV'],
      ['fdiv', [1, signaling], nan, 'NV'],
      ['fsqrt', [quiet], nan, ''],
      ['fsqrt', [signaling], nan, 'NV'],
      ['fmadd', [quiet, 1, 1], nan, ''],
      ['fmadd', [1, 1, signaling], nan, 'NV'],
      ['fmadd', [INFINITY, 0, quiet], nan, 'NV'],
    ]);
  });

  test('fused operations negate as named and round once', () => {
    check([
      ['fmadd', [2, 3, 4], 10, ''],
      ['fmsub', [2, 3, 4], 2, ''],
      ['fnmsub', [2, 3, 4], -2, ''],
      ['fnmadd', [2, 3, 4], -10, ''],
      ['fmsub', [1 + epsilon, 1 - epsilon, 1], -(epsilon * epsilon), ''],
      ['fmadd rne', [1 + epsilon, 1 + epsilon, 0], 1 + 2 * epsilon, 'NX'],
      ['fmadd rup', [1 + epsilon, 1 + epsilon, 0], 1 + 3 * epsilon, 'NX'],
      ['fmadd rne', [max, 2, -max], max, ''],
      ['fmadd rne', [max, 2, 0], INFINITY, 'OF NX'],
      ['fnmadd rdn', [1, 1, -1], -0, ''],
      ['fnmadd rne', [1, 1, -1], 0, ''],
      ['fmadd', [INFINITY, 1, -INFINITY], nan, 'NV'],
    ]);
  });

  test('minimum and maximum order the zeros and prefer numbers to NaNs', () => {
    check([
      ['fmin', [1, 2], 1, ''],
      ['fmax', [1, 2], 2, ''],
      ['fmin', [0, -0], -0, ''],
      ['fmin', [-0, 0], -0, ''],
      ['fmax', [0, -0], 0, ''],
      ['fmax', [-0, 0], 0, ''],
      ['fmin', [quiet, 1], 1, ''],
      ['fmax', [1, quiet], 1, ''],
      ['fmin', [signaling, 1], 1, 'NV'],
      ['fmax', [signaling, quiet], nan, 'NV'],
      ['fmin', [quiet, quiet], nan, ''],
      ['fmin', [-INFINITY, -max], -INFINITY, ''],
    ]);
  });

  test('comparisons with a NaN are false, and invalid when ordered or signaling', () => {
    check([
      ['feq', [1, 1], 1n, ''],
      ['feq', [0, -0], 1n, ''],
      ['feq', [1, 2], 0n, ''],
      ['flt', [1, 2], 1n, ''],
      ['flt', [2, 2], 0n, ''],
      ['flt', [-1, 1], 1n, ''],
      ['flt', [-1, -2], 0n, ''],
      ['fle', [2, 2], 1n, ''],
      ['fle', [-0, 0], 1n, ''],
      ['fle', [INFINITY, max], 0n, ''],
      ['feq', [quiet, quiet], 0n, ''],
      ['feq', [signaling, 1], 0n, 'NV'],
      ['flt', [quiet, 1], 0n, 'NV'],
      ['fle', [1, quiet], 0n, 'NV'],
    ]);
  });

  test('fclass tells the ten classes apart', () => {
    check([
      ['fclass', [-INFINITY], 1n, ''],
      ['fclass', [-1], 2n, ''],
      ['fclass', [-least], 4n, ''],
      ['fclass', [-0], 8n, ''],
      ['fclass', [0], 16n, ''],
      ['fclass', [leastNormal - least], 32n, ''],
      ['fclass', [leastNormal], 64n, ''],
      ['fclass', [INFINITY], 128n, ''],
      ['fclass', [signaling], 256n, ''],
      ['fclass', [quiet], 512n, ''],
    ]);
  });

  test('sign injection touches nothing but the sign, in NaNs too', () => {
    const sign = format === 'd' ? 1n << 63n : 1n << 31n;
    check([
      ['fsgnj', [1, -2], -1, ''],
      ['fsgnjn', [1, -2], 1, ''],
      ['fsgnjx', [-1, -2], 1, ''],
      ['fsgnj', [quiet, 1], quiet ^ sign, ''],
      ['fsgnj', [signaling, -1], signaling | sign, ''],
      ['fsgnjn', [-0, -0], 0, ''],
    ]);
  });

  test.run();
}
