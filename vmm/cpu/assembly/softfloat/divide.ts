/**
 * Division and square root. Both take the machine's correctly rounded quotient or root of the significands
 * alone, as doubles near 1 where nothing can overflow or be subnormal, and then learn from the exact
 * remainder, in integers, on which side of it the true value lies. That is all that any rounding mode, to
 * 53 bits or fewer, needs to know: the true value is strictly between two neighbours, or it is exact.
 */
import {
  exponentOf, infinity, invalid, isNaN, isSpecial, isZero, nanOf, significandOf, signOf, withSign,
} from './format';
import { DZ, raise } from './flags';
import { roundPack } from './round-pack';

/** 53 significant bits as an integer from a significand: nothing is lost, the bits below are zeros. */
// @ts-ignore: decorator
@inline
function asInteger(significand: u64): u64 {
  return significand >> 11;
}

/** `estimate` has 53 bits and is the true value rounded to nearest; `remainder` is true minus estimate, scaled. */
// @ts-ignore: decorator
@inline
function withRemainder(estimate: u64, remainder: i64): u64 {
  if (remainder === 0) return estimate << 11;
  return remainder > 0 ? (estimate << 11) | 1 : (estimate << 11) - 1;
}

/** a / b */
export function divide<T>(a: T, b: T, rm: u32): T {
  const sign = signOf<T>(a) ^ signOf<T>(b);
  if (isSpecial<T>(a) || isSpecial<T>(b)) return divideSpecial<T>(a, b, sign);
  if (isZero<T>(b)) {
    if (isZero<T>(a)) return invalid<T>();
    raise(DZ);
    return withSign<T>(sign, infinity<T>());
  }
  if (isZero<T>(a)) return withSign<T>(sign, 0);
  let dividend = asInteger(significandOf<T>(a));
  const divisor = asInteger(significandOf<T>(b));
  let exponent = exponentOf<T>(a) - exponentOf<T>(b);
  if (dividend < divisor) {
    dividend <<= 1;
    exponent -= 1;
  }
  // In [1, 2), so that its 53 bits are an integer multiple of 2^-52.
  const quotient = <u64>(<f64>dividend / <f64>divisor * 4503599627370496.0);
  // At most half a divisor in magnitude, below 2^53: the difference of the low 64 bits is all of it.
  const remainder = <i64>((dividend << 52) - quotient * divisor);
  return roundPack<T>(sign, exponent, withRemainder(quotient, remainder), rm);
}

function divideSpecial<T>(a: T, b: T, sign: u32): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return nanOf<T>(a, b);
  if (!isSpecial<T>(b)) return withSign<T>(sign, infinity<T>());
  return isSpecial<T>(a) ? invalid<T>() : withSign<T>(sign, 0);
}

/** The square root of a; the root of -0 is -0. */
export function squareRoot<T>(a: T, rm: u32): T {
  if (isNaN<T>(a)) return nanOf<T>(a, a);
  if (isZero<T>(a)) return a;
  if (signOf<T>(a) !== 0) return invalid<T>();
  if (isSpecial<T>(a)) return a;
  const exponent = exponentOf<T>(a);
  // An even exponent is taken out; what is left is in [1, 4) and its root in [1, 2).
  const radicand = asInteger(significandOf<T>(a)) << (exponent & 1);
  const root = <u64>(sqrt<f64>(<f64>radicand * 2.220446049250313e-16) * 4503599627370496.0);
  // At most one root in magnitude, below 2^53, as above.
  const remainder = <i64>((radicand << 52) - root * root);
  return roundPack<T>(0, exponent >> 1, withRemainder(root, remainder), rm);
}
