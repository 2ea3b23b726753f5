/**
 * Comparisons, minimum and maximum, classification. Minimum and maximum are minimumNumber and maximumNumber
 * of IEEE 754-2019: a NaN yields to a number, and -0 is smaller than +0.
 */
import {
  canonicalNaN, exponentField, fraction, isNaN, isSignaling, isSpecial, isZero, magnitude, nanOf, signOf,
} from './format';
import { NV, raise } from './flags';

/** a < b by sign and magnitude, where -0 comes before +0; neither may be a NaN. */
// @ts-ignore: decorator
@inline
function precedes<T>(a: T, b: T): bool {
  if (signOf<T>(a) !== signOf<T>(b)) return signOf<T>(a) !== 0;
  return signOf<T>(a) !== 0 ? magnitude<T>(b) < magnitude<T>(a) : a < b;
}

// @ts-ignore: decorator
@inline
function areBothZero<T>(a: T, b: T): bool {
  return isZero<T>(a | b);
}

/** 1 when a = b; a quiet NaN raises nothing. */
export function equals<T>(a: T, b: T): u32 {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    if (isSignaling<T>(a) || isSignaling<T>(b)) raise(NV);
    return 0;
  }
  return u32(a === b || areBothZero<T>(a, b));
}

/** 1 when a < b; any NaN is invalid. */
export function isLess<T>(a: T, b: T): u32 {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raise(NV);
    return 0;
  }
  return u32(precedes<T>(a, b) && !areBothZero<T>(a, b));
}

/** 1 when a <= b; any NaN is invalid. */
export function isLessOrEqual<T>(a: T, b: T): u32 {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raise(NV);
    return 0;
  }
  return u32(!precedes<T>(b, a) || areBothZero<T>(a, b));
}

export function minimum<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return numberOf<T>(a, b);
  return precedes<T>(a, b) ? a : b;
}

export function maximum<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return numberOf<T>(a, b);
  return precedes<T>(a, b) ? b : a;
}

/** Of two operands of which one at least is a NaN, the one that is a number. */
function numberOf<T>(a: T, b: T): T {
  nanOf<T>(a, b);
  if (!isNaN<T>(a)) return a;
  return isNaN<T>(b) ? canonicalNaN<T>() : b;
}

/**
 * The one bit that `fclass` sets: 0 -infinity, 1 -normal, 2 -subnormal, 3 -0, 4 +0, 5 +subnormal, 6 +normal,
 * 7 +infinity, 8 signalling NaN, 9 quiet NaN.
 */
export function classify<T>(a: T): u32 {
  if (isNaN<T>(a)) return isSignaling<T>(a) ? 1 << 8 : 1 << 9;
  let size: u32 = 2;
  if (isSpecial<T>(a)) size = 3;
  else if (exponentField<T>(a) === 0) size = fraction<T>(a) === 0 ? 0 : 1;
  return signOf<T>(a) !== 0 ? 8 >> size : 16 << size;
}
