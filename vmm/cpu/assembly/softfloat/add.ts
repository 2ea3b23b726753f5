/** Addition. Subtraction is addition with the second sign turned: the sign of a NaN does not matter. */
import {
  exponentOf, invalid, isNaN, isSpecial, isZero, magnitude, nanOf, significandOf, signOf, withSign,
} from './format';
import { RDN } from './rounding';
import { roundPack, shiftRightSticky } from './round-pack';

/** The sign of an exact zero that is the sum of two numbers of different sign. */
// @ts-ignore: decorator
@inline
export function cancelledSign(rm: u32): u32 {
  return u32(rm === RDN);
}

/** a + b */
export function add<T>(a: T, b: T, rm: u32): T {
  if (isSpecial<T>(a) || isSpecial<T>(b)) return addSpecial<T>(a, b);
  if (isZero<T>(b)) return isZero<T>(a) ? addZeros<T>(a, b, rm) : a;
  if (isZero<T>(a)) return b;
  // x is the one of larger magnitude: its sign is the sign of the result.
  const isSwapped = magnitude<T>(a) < magnitude<T>(b);
  const x = isSwapped ? b : a;
  const y = isSwapped ? a : b;
  const exponent = exponentOf<T>(x);
  // One bit of room above for the carry; the bits below are zeros in both formats.
  const larger = significandOf<T>(x) >> 1;
  const smaller = shiftRightSticky(significandOf<T>(y) >> 1, exponent - exponentOf<T>(y));
  const sum = signOf<T>(x) === signOf<T>(y) ? larger + smaller : larger - smaller;
  if (sum === 0) return withSign<T>(cancelledSign(rm), 0);
  const zeros = <i32>clz<u64>(sum);
  return roundPack<T>(signOf<T>(x), exponent + 1 - zeros, sum << zeros, rm);
}

function addZeros<T>(a: T, b: T, rm: u32): T {
  return a === b ? a : withSign<T>(cancelledSign(rm), 0);
}

function addSpecial<T>(a: T, b: T): T {
  if (isNaN<T>(a) || isNaN<T>(b)) return nanOf<T>(a, b);
  if (isSpecial<T>(a) && isSpecial<T>(b) && a !== b) return invalid<T>();
  return isSpecial<T>(a) ? a : b;
}
