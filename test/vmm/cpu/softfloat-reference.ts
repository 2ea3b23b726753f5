/**
 * The reference for the operations: operands are decoded to exact values, the special cases follow the tables
 * of IEEE 754 and of the RISC-V F extension, version 2.2, and `softfloat-rounding.ts` rounds what is left.
 */
import {
  canonicalNaN,
  cut,
  DZ,
  type Exact,
  type Format,
  infinity,
  MODES,
  NV,
  NX,
  type Result,
  type Results,
  roundCut,
  roundToFormat,
  withSign,
} from './softfloat-rounding.js';

interface Finite {
  readonly kind: 'finite';
  readonly sign: number;
  readonly significand: bigint;
  readonly exponent: number;
}

export type Value =
  | Finite
  | { readonly kind: 'infinite'; readonly sign: number }
  | { readonly kind: 'nan'; readonly sign: number; readonly isSignaling: boolean };

export function decode(format: Format, bits: bigint): Value {
  const fractionBits = BigInt(format.precision - 1);
  const sign = Number(bits >> BigInt(format.bits - 1));
  const magnitude = bits & ((1n << BigInt(format.bits - 1)) - 1n);
  const field = Number(magnitude >> fractionBits);
  const fraction = magnitude & ((1n << fractionBits) - 1n);
  if (magnitude === infinity(format)) return { kind: 'infinite', sign };
  if (magnitude > infinity(format)) {
    return { kind: 'nan', sign, isSignaling: fraction >> (fractionBits - 1n) === 0n };
  }
  const significand = field === 0 ? fraction : fraction | (1n << fractionBits);
  const exponent = format.minExponent - format.precision + 1 + Math.max(0, field - 1);
  return { kind: 'finite', sign, significand, exponent };
}

function always(bits: bigint, flags = 0): Results {
  return MODES.map(() => ({ bits, flags }));
}

function invalid(format: Format): Results {
  return always(canonicalNaN(format), NV);
}

function isZero(value: Value): boolean {
  return value.kind === 'finite' && value.significand === 0n;
}

/** The result when an operand is a NaN, `null` when none is. */
function fromNaNs(format: Format, operands: readonly Value[]): Results | null {
  const nans = operands.filter((value) => value.kind === 'nan');
  if (nans.length === 0) return null;
  return always(canonicalNaN(format), nans.some(({ isSignaling }) => isSignaling) ? NV : 0);
}

function round(format: Format, { sign, significand, exponent }: Finite): Results {
  if (significand === 0n) return always(withSign(format, sign, 0n));
  return roundToFormat(format, { sign, numerator: significand, denominator: 1n, exponent });
}

function productOf(a: Finite, b: Finite): Finite {
  return {
    kind: 'finite',
    sign: a.sign ^ b.sign,
    significand: a.significand * b.significand,
    exponent: a.exponent + b.exponent,
  };
}

function signedAt({ sign, significand, exponent }: Finite, unit: number): bigint {
  const magnitude = significand << BigInt(exponent - unit);
  return sign === 0 ? magnitude : -magnitude;
}

/** An exact zero sum of numbers of different sign is -0 in RDN and +0 in all other modes. */
function sumOf(format: Format, a: Finite, b: Finite): Results {
  const exponent = Math.min(a.exponent, b.exponent);
  const total = signedAt(a, exponent) + signedAt(b, exponent);
  if (total === 0n && a.sign !== b.sign) {
    return MODES.map((mode) => ({ bits: withSign(format, mode === 'RDN' ? 1 : 0, 0n), flags: 0 }));
  }
  const sign = total === 0n ? a.sign : total < 0n ? 1 : 0;
  return round(format, { kind: 'finite', sign, significand: total < 0n ? -total : total, exponent });
}

export function add(format: Format, a: Value, b: Value): Results {
  const nan = fromNaNs(format, [a, b]);
  if (nan !== null) return nan;
  if (a.kind === 'finite' && b.kind === 'finite') return sumOf(format, a, b);
  if (a.kind === 'infinite' && b.kind === 'infinite' && a.sign !== b.sign) return invalid(format);
  return always(withSign(format, a.kind === 'infinite' ? a.sign : b.sign, infinity(format)));
}

export function subtract(format: Format, a: Value, b: Value): Results {
  return add(format, a, { ...b, sign: b.sign ^ 1 });
}

export function multiply(format: Format, a: Value, b: Value): Results {
  const nan = fromNaNs(format, [a, b]);
  if (nan !== null) return nan;
  if (a.kind === 'finite' && b.kind === 'finite') return round(format, productOf(a, b));
  if (isZero(a) || isZero(b)) return invalid(format);
  return always(withSign(format, a.sign ^ b.sign, infinity(format)));
}

export function multiplyAdd(format: Format, a: Value, b: Value, c: Value): Results {
  const isInfinite = a.kind === 'infinite' || b.kind === 'infinite';
  const hasNaN = a.kind === 'nan' || b.kind === 'nan';
  // RISC-V: invalid even when the addend is a quiet NaN.
  if (isInfinite && !hasNaN && (isZero(a) || isZero(b))) return invalid(format);
  const nan = fromNaNs(format, [a, b, c]);
  if (nan !== null) return nan;
  if (a.kind === 'finite' && b.kind === 'finite') {
    return c.kind === 'finite'
      ? sumOf(format, productOf(a, b), c)
      : always(withSign(format, c.sign, infinity(format)));
  }
  if (c.kind === 'infinite' && c.sign !== (a.sign ^ b.sign)) return invalid(format);
  return always(withSign(format, a.sign ^ b.sign, infinity(format)));
}

export function divide(format: Format, a: Value, b: Value): Results {
  const nan = fromNaNs(format, [a, b]);
  if (nan !== null) return nan;
  const sign = a.sign ^ b.sign;
  if (a.kind === 'infinite') {
    return b.kind === 'infinite' ? invalid(format) : always(withSign(format, sign, infinity(format)));
  }
  if (b.kind !== 'finite' || a.kind !== 'finite') return always(withSign(format, sign, 0n));
  if (isZero(b)) return isZero(a) ? invalid(format) : always(withSign(format, sign, infinity(format)), DZ);
  if (isZero(a)) return always(withSign(format, sign, 0n));
  return roundToFormat(format, {
    sign,
    numerator: a.significand,
    denominator: b.significand,
    exponent: a.exponent - b.exponent,
  });
}

/** The largest integer whose square is not above `square`. */
function integerRoot(square: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(square))));
  for (let next = (root + square / root) / 2n; next !== root; next = (root + square / root) / 2n) {
    if (next === root + 1n && next * next > square) break;
    root = next;
  }
  while (root * root > square) root -= 1n;
  return root;
}

const ROOT_BITS = 64;

export function squareRoot(format: Format, a: Value): Results {
  const nan = fromNaNs(format, [a]);
  if (nan !== null) return nan;
  if (isZero(a)) return always(withSign(format, a.sign, 0n));
  if (a.sign === 1) return invalid(format);
  if (a.kind !== 'finite') return always(infinity(format));
  const isOdd = a.exponent % 2 !== 0;
  const square = (isOdd ? a.significand * 2n : a.significand) << BigInt(2 * ROOT_BITS);
  const root = integerRoot(square);
  // Far more bits than any format has; one more says whether the root goes on below them.
  const numerator = root * 2n + (root * root === square ? 0n : 1n);
  const exponent = (isOdd ? a.exponent - 1 : a.exponent) / 2 - ROOT_BITS - 1;
  return roundToFormat(format, { sign: 0, numerator, denominator: 1n, exponent });
}

export function convert(format: Format, a: Value): Results {
  const nan = fromNaNs(format, [a]);
  if (nan !== null) return nan;
  return a.kind === 'finite' ? round(format, a) : always(withSign(format, a.sign, infinity(format)));
}

export function fromInteger(format: Format, value: bigint): Results {
  const significand = value < 0n ? -value : value;
  return round(format, { kind: 'finite', sign: value < 0n ? 1 : 0, significand, exponent: 0 });
}

/** Rounds, then saturates to least … greatest; the bits are the integer itself. */
export function toInteger(a: Value, least: bigint, greatest: bigint): Results {
  if (a.kind === 'nan') return always(greatest, NV);
  if (a.kind === 'infinite') return always(a.sign === 1 ? least : greatest, NV);
  const exact: Exact = { ...a, numerator: a.significand, denominator: 1n };
  const parts = cut(exact, 0);
  return MODES.map((mode): Result => {
    const magnitude = roundCut(parts, a.sign, mode);
    const rounded = a.sign === 1 ? -magnitude : magnitude;
    if (rounded < least) return { bits: least, flags: NV };
    if (rounded > greatest) return { bits: greatest, flags: NV };
    return { bits: rounded, flags: parts.rest === 'none' ? 0 : NX };
  });
}

export interface Comparison {
  readonly equal: number;
  readonly less: number;
  readonly lessOrEqual: number;
  readonly hasNaN: boolean;
  readonly hasSignaling: boolean;
}

/** A number that orders as the values do: infinities stand beyond every finite number of the formats. */
function ordinal(value: Value): bigint {
  if (value.kind === 'infinite') return value.sign === 1 ? -(1n << 4096n) : 1n << 4096n;
  return value.kind === 'finite' ? signedAt(value, -1100) : 0n;
}

export function compare(a: Value, b: Value): Comparison {
  const hasSignaling = [a, b].some((value) => value.kind === 'nan' && value.isSignaling);
  if (a.kind === 'nan' || b.kind === 'nan') {
    return { equal: 0, less: 0, lessOrEqual: 0, hasNaN: true, hasSignaling };
  }
  const left = ordinal(a);
  const right = ordinal(b);
  return {
    equal: left === right ? 1 : 0,
    less: left < right ? 1 : 0,
    lessOrEqual: left <= right ? 1 : 0,
    hasNaN: false,
    hasSignaling,
  };
}

/** minimumNumber and maximumNumber: which of the two operands, or a NaN when both are. */
export function choose(a: Value, b: Value, which: 'minimum' | 'maximum'): 'a' | 'b' | 'nan' {
  if (a.kind === 'nan') return b.kind === 'nan' ? 'nan' : 'b';
  if (b.kind === 'nan') return 'a';
  const left = ordinal(a);
  const right = ordinal(b);
  const isFirstSmaller = left === right ? a.sign > b.sign : left < right;
  return isFirstSmaller === (which === 'minimum') ? 'a' : 'b';
}

/** The number of the bit that `fclass` sets. */
export function classify(format: Format, value: Value): number {
  if (value.kind === 'nan') return value.isSignaling ? 8 : 9;
  if (value.kind === 'infinite') return value.sign === 1 ? 0 : 7;
  const isNormal = value.significand >> BigInt(format.precision - 1) === 1n;
  const size = value.significand === 0n ? 0 : isNormal ? 2 : 1;
  return value.sign === 1 ? 3 - size : 4 + size;
}
