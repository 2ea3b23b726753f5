/**
 * Every operation of the CPU's floating point, in every rounding mode and with its flags, against exact
 * arithmetic (`softfloat-reference.ts`), and the results to nearest against the host's own doubles.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Bits, loadSoftFloat, type Operation } from './softfloat-module.js';
import { Operands, Random } from './softfloat-operands.js';
import * as reference from './softfloat-reference.js';
import { DZ, F32, F64, type Format, MODES, NV, NX, type Results, UF } from './softfloat-rounding.js';

const PAIRS = 24_000;
const softFloat = await loadSoftFloat();
const FORMATS = [F32, F64] as const;

const test = suite('softfloat');

function toBits(format: Format, value: bigint): Bits {
  return format.bits === 32 ? Number(value) : value;
}

function unsigned(bits: number, value: Bits): bigint {
  return BigInt.asUintN(bits, BigInt(value));
}

function hex(bits: number, value: bigint): string {
  return `0x${BigInt.asUintN(bits, value)
    .toString(16)
    .padStart(bits / 4, '0')}`;
}

/** Calls an operation in each mode; the result and exactly the flags expected must come back. */
function checkModes(name: string, operands: readonly Bits[], expected: Results, resultBits: number): void {
  const operation = softFloat.operation(name);
  for (const [rm, { bits, flags }] of expected.entries()) {
    const got = unsigned(resultBits, operation(...operands, rm));
    const gotFlags = softFloat.takeFlags();
    const want = BigInt.asUintN(resultBits, bits);
    if (got === want && gotFlags === flags) continue;
    const shown = operands.map((operand) => hex(64, BigInt(operand))).join(', ');
    const mode = MODES[rm];
    assert.unreachable(
      `${name}(${shown}) ${mode}: expected ${hex(resultBits, want)} flags ${flags}, got ${hex(resultBits, got)} flags ${gotFlags}`,
    );
  }
}

function checkOne(
  name: string,
  operands: readonly Bits[],
  bits: bigint,
  flags: number,
  resultBits: number,
): void {
  checkModes(name, operands, [{ bits, flags }], resultBits);
}

type Binary = (format: Format, a: reference.Value, b: reference.Value) => Results;

const BINARY: Readonly<Record<string, Binary>> = {
  add: reference.add,
  sub: reference.subtract,
  mul: reference.multiply,
  div: reference.divide,
};

for (const [index, format] of FORMATS.entries()) {
  const { name, bits } = format;
  const operandsFor = (seed: number) => new Operands(format, new Random(seed * 2 + index));

  for (const [operation, exact] of Object.entries(BINARY)) {
    const check = (a: bigint, b: bigint) => {
      const expected = exact(format, reference.decode(format, a), reference.decode(format, b));
      checkModes(`${name}_${operation}`, [toBits(format, a), toBits(format, b)], expected, bits);
    };

    test(`${name}_${operation} of all pairs of edge values is exact, then rounded`, () => {
      const edges = operandsFor(1).edges();
      for (const a of edges) for (const b of edges) check(a, b);
    });

    test(`${name}_${operation} of random operands is exact, then rounded`, () => {
      const operands = operandsFor(1000 + operation.charCodeAt(0));
      for (let count = 0; count < PAIRS; count += 1) {
        const a = operands.next();
        check(a, operands.partner(a));
      }
    });
  }

  test(`${name}_sqrt of random operands and of squares is exact, then rounded`, () => {
    const operands = operandsFor(3);
    const multiply = softFloat.operation(`${name}_mul`);
    for (let count = 0; count < PAIRS; count += 1) {
      const root = operands.next();
      const square = unsigned(bits, multiply(toBits(format, root), toBits(format, root), 0));
      softFloat.takeFlags();
      const a = count % 2 === 0 ? root : operands.beside(square);
      const expected = reference.squareRoot(format, reference.decode(format, a));
      checkModes(`${name}_sqrt`, [toBits(format, a)], expected, bits);
    }
  });

  test(`${name}_fma of edge values, random operands and cancelling addends rounds once`, () => {
    const random = new Random(77 + index);
    const operands = new Operands(format, random);
    const multiply = softFloat.operation(`${name}_mul`);
    const edges = operands.edges();
    const edge = () => edges[random.below(edges.length)] as bigint;
    for (let count = 0; count < PAIRS; count += 1) {
      const isEdge = count % 4 === 0;
      const a = isEdge ? edge() : operands.next();
      const b = isEdge ? edge() : operands.partner(a);
      const product = unsigned(bits, multiply(toBits(format, a), toBits(format, b), 1));
      softFloat.takeFlags();
      const c = isEdge ? edge() : count % 4 === 1 ? operands.beside(product) : operands.partner(product);
      const [x, y, z] = [a, b, c].map((value) => reference.decode(format, value)) as [
        reference.Value,
        reference.Value,
        reference.Value,
      ];
      const expected = reference.multiplyAdd(format, x, y, z);
      checkModes(
        `${name}_fma`,
        [a, b, c].map((value) => toBits(format, value)),
        expected,
        bits,
      );
    }
  });

  test(`${name} comparisons, minimum and maximum order all values`, () => {
    const operands = operandsFor(5);
    const edges = operands.edges();
    const pairs = edges.flatMap((a) => edges.map((b) => [a, b] as const));
    while (pairs.length < PAIRS) {
      const a = operands.next();
      pairs.push([a, operands.partner(a)]);
    }
    const nan = format === F32 ? 0x7fc00000n : 0x7ff8000000000000n;
    for (const [a, b] of pairs) {
      const [x, y] = [reference.decode(format, a), reference.decode(format, b)];
      const both = [toBits(format, a), toBits(format, b)];
      const { equal, less, lessOrEqual, hasNaN, hasSignaling } = reference.compare(x, y);
      const quietFlags = hasSignaling ? NV : 0;
      checkOne(`${name}_eq`, both, BigInt(equal), quietFlags, 32);
      checkOne(`${name}_lt`, both, BigInt(less), hasNaN ? NV : 0, 32);
      checkOne(`${name}_le`, both, BigInt(lessOrEqual), hasNaN ? NV : 0, 32);
      const chosen = { a, b, nan };
      checkOne(`${name}_min`, both, chosen[reference.choose(x, y, 'minimum')], quietFlags, bits);
      checkOne(`${name}_max`, both, chosen[reference.choose(x, y, 'maximum')], quietFlags, bits);
    }
  });

  test(`${name}_class names the class of every value and raises nothing`, () => {
    const operands = operandsFor(6);
    const values = operands.edges();
    while (values.length < 5 * PAIRS) values.push(operands.next());
    for (const a of values) {
      const expected = 1n << BigInt(reference.classify(format, reference.decode(format, a)));
      checkOne(`${name}_class`, [toBits(format, a)], expected, 0, 32);
    }
  });

  test(`${name} to integers rounds, saturates, and sign-extends 32-bit results`, () => {
    const operands = operandsFor(7);
    const values = operands.edges();
    while (values.length < PAIRS) values.push(operands.next());
    for (const a of values) {
      const value = reference.decode(format, a);
      for (const width of [32, 64]) {
        const top = 1n << BigInt(width);
        const operand = [toBits(format, a)];
        const signed = reference.toInteger(value, -top / 2n, top / 2n - 1n);
        checkModes(`${name}_to_i${width}`, operand, signed, 64);
        const extended = reference
          .toInteger(value, 0n, top - 1n)
          .map((result) => ({ ...result, bits: BigInt.asIntN(width, result.bits) }));
        checkModes(`${name}_to_u${width}`, operand, extended, 64);
      }
    }
  });

  test(`integers to ${name} round`, () => {
    const random = new Random(8 + index);
    for (let count = 0; count < PAIRS; count += 1) {
      const word = random.integer();
      for (const width of [32, 64]) {
        const signed = BigInt.asIntN(width, word);
        const plain = BigInt.asUintN(width, word);
        const operand = width === 32 ? Number(plain) : plain;
        checkModes(`i${width}_to_${name}`, [operand], reference.fromInteger(format, signed), bits);
        checkModes(`u${width}_to_${name}`, [operand], reference.fromInteger(format, plain), bits);
      }
    }
  });
}

test('f64_to_f32 of random operands rounds, and f32_to_f64 of any is exact', () => {
  const random = new Random(9);
  const [singles, doubles] = [new Operands(F32, random), new Operands(F64, random)];
  const widen = softFloat.operation('f32_to_f64');
  for (let count = 0; count < PAIRS; count += 1) {
    const single = singles.next();
    const [wide] = reference.convert(F64, reference.decode(F32, single));
    assert.ok(wide);
    checkOne('f32_to_f64', [Number(single)], wide.bits, wide.flags, 64);
    // Around a binary32 number or the middle of two is where narrowing is decided.
    const middle = unsigned(64, widen(Number(single))) ^ (BigInt(random.below(2)) << 28n);
    softFloat.takeFlags();
    const a = count % 2 === 0 ? doubles.next() : doubles.beside(middle);
    checkModes('f64_to_f32', [a], reference.convert(F32, reference.decode(F64, a)), 32);
  }
});

const view = new DataView(new ArrayBuffer(8));

/** The host's number of a bit pattern, and its bits with every NaN made canonical. */
const HOST = {
  f32: {
    number: (value: bigint) => {
      view.setUint32(0, Number(value));
      return view.getFloat32(0);
    },
    bits: (value: number) => {
      view.setFloat32(0, value);
      return Number.isNaN(value) ? 0x7fc00000n : BigInt(view.getUint32(0));
    },
  },
  f64: {
    number: (value: bigint) => {
      view.setBigUint64(0, value);
      return view.getFloat64(0);
    },
    bits: (value: number) => {
      view.setFloat64(0, value);
      return Number.isNaN(value) ? 0x7ff8000000000000n : view.getBigUint64(0);
    },
  },
} as const;

const HOST_OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt: (a) => Math.sqrt(a),
};

for (const format of FORMATS) {
  test(`${format.name} to nearest agrees with the doubles of the host`, () => {
    const { number, bits } = HOST[format.name];
    const operands = new Operands(format, new Random(10));
    for (let count = 0; count < 100_000; count += 1) {
      const a = operands.next();
      const b = operands.partner(a);
      const name = ['add', 'sub', 'mul', 'div', 'sqrt'][count % 5] as string;
      const expected = bits(HOST_OPERATIONS[name]?.(number(a), number(b)) ?? Number.NaN);
      const arguments_ = (name === 'sqrt' ? [a] : [a, b]).map((value) => toBits(format, value));
      const operation: Operation = softFloat.operation(`${format.name}_${name}`);
      const got = unsigned(format.bits, operation(...arguments_, 0));
      if (got !== expected) {
        assert.unreachable(
          `${format.name}_${name}(${hex(64, a)}, ${hex(64, b)}): expected ${hex(64, expected)}, got ${hex(64, got)}`,
        );
      }
    }
    softFloat.takeFlags();
  });
}

test('flags accrue over operations until they are taken', () => {
  const divide = softFloat.operation('f64_div');
  const one = HOST.f64.bits(1);
  softFloat.takeFlags();
  divide(one, 0n, 0);
  divide(one, HOST.f64.bits(3), 0);
  assert.is(softFloat.takeFlags(), DZ | NX);
  assert.is(softFloat.takeFlags(), 0);
});

test('underflow is decided after rounding to the full precision', () => {
  const narrow = softFloat.operation('f64_to_f32');
  const leastNormal = 2 ** -126;
  const cases = [
    // Beside a power of two the 24 bits of a tiny number end at 2^-24 of it, those of a subnormal at 2^-23.
    { factor: 1 - 2 ** -24, flags: UF | NX },
    { factor: 1 - 2 ** -25, flags: NX },
    { factor: 1 - 2 ** -26, flags: NX },
  ];
  softFloat.takeFlags();
  for (const { factor, flags } of cases) {
    assert.is(narrow(HOST.f64.bits(leastNormal * factor), 0), 0x00800000);
    assert.is(softFloat.takeFlags(), flags);
  }
});

test('f64_fma sees the last bit of a product that is almost half a unit of the addend', () => {
  const multiplyAdd = softFloat.operation('f64_fma');
  const scaled = (integer: number) => HOST.f64.bits(integer * 2 ** -79);
  const one = HOST.f64.bits(1);
  softFloat.takeFlags();
  // The products of the integers are 2^105 + 1 and 2^105 - 1.
  assert.is(multiplyAdd(scaled(0x19939800033273), scaled(0x1404b25a15c2bb), one, 0), one + 1n);
  assert.is(multiplyAdd(scaled(0x15a5e440e8d0bf), scaled(0x17a6b0778d60c1), one + 1n, 0), one + 1n);
  assert.is(softFloat.takeFlags(), NX);
});

test.run();
