/** Fused multiply-add: the product and the sum are exact in 128 bits, there is one rounding at the end. */
import { cancelledSign } from './add';
import {
  exponentOf, infinity, invalid, isNaN, isSpecial, isZero, nanOf, significandOf, signOf, withSign,
} from './format';
import { multiplyHigh } from './multiply';
import { roundPack, shiftRightSticky } from './round-pack';

/** a * b + c */
export function multiplyAdd<T>(a: T, b: T, c: T, rm: u32): T {
  const sign = signOf<T>(a) ^ signOf<T>(b);
  if (isSpecial<T>(a) || isSpecial<T>(b) || isSpecial<T>(c)) return multiplyAddSpecial<T>(a, b, c, sign);
  if (isZero<T>(a) || isZero<T>(b)) {
    if (!isZero<T>(c)) return c;
    return withSign<T>(sign === signOf<T>(c) ? sign : cancelledSign(rm), 0);
  }
  const left = significandOf<T>(a);
  const right = significandOf<T>(b);
  // The product of two significands of at most 53 bits ends in 22 zeros at least: shifts by 1 lose nothing.
  let high = multiplyHigh(left, right);
  let low = left * right;
  let exponent = exponentOf<T>(a) + exponentOf<T>(b) + 1;
  if (high >> 63 === 0) {
    high = (high << 1) | (low >> 63);
    low <<= 1;
    exponent -= 1;
  }
  if (isZero<T>(c)) return roundPack<T>(sign, exponent, high | u64(low !== 0), rm);
  const other = significandOf<T>(c);
  const otherExponent = exponentOf<T>(c);
  const isSum = sign === signOf<T>(c);
  low = (low >> 1) | (high << 63);
  high >>= 1;
  if (exponent > otherExponent || (exponent === otherExponent && high >= other >> 1)) {
    return addWide<T>(sign, exponent, high, low, other >> 1, 0, exponent - otherExponent, isSum, rm);
  }
  return addWide<T>(signOf<T>(c), otherExponent, other >> 1, 0, high, low, otherExponent - exponent, isSum, rm);
}

/**
 * Adds or subtracts two 128-bit magnitudes below 2^127, the second after a shift right by `distance`.
 * 2^126 in the first stands for 2^exponent; the second is not the larger one.
 */
function addWide<T>(
  sign: u32, exponent: i32, high: u64, low: u64, otherHigh: u64, otherLow: u64, distance: i32, isSum: bool, rm: u32,
): T {
  const shiftedLow = shiftRightLow(otherHigh, otherLow, distance);
  const shiftedHigh = distance >= 64 ? 0 : otherHigh >> distance;
  let sumHigh: u64;
  let sumLow: u64;
  if (isSum) {
    sumLow = low + shiftedLow;
    sumHigh = high + shiftedHigh + u64(sumLow < low);
  } else {
    sumLow = low - shiftedLow;
    sumHigh = high - shiftedHigh - u64(low < shiftedLow);
    if (sumHigh === 0 && sumLow === 0) return withSign<T>(cancelledSign(rm), 0);
  }
  if (sumHigh === 0) {
    const zeros = <i32>clz<u64>(sumLow);
    return roundPack<T>(sign, exponent - 63 - zeros, sumLow << zeros, rm);
  }
  const zeros = <i32>clz<u64>(sumHigh);
  const top = zeros === 0 ? sumHigh : (sumHigh << zeros) | (sumLow >> (64 - zeros));
  return roundPack<T>(sign, exponent + 1 - zeros, top | u64(sumLow << zeros !== 0), rm);
}

/** The low half of a 128-bit shift right; what falls off is kept as a 1 in bit 0. The high half is not zero. */
function shiftRightLow(high: u64, low: u64, distance: i32): u64 {
  if (distance === 0) return low;
  if (distance >= 64) return shiftRightSticky(high, distance - 64);
  return (low >> distance) | (high << (64 - distance)) | u64(low << (64 - distance) !== 0);
}

function multiplyAddSpecial<T>(a: T, b: T, c: T, sign: u32): T {
  // Infinity times zero is invalid even when the addend is a quiet NaN, which IEEE 754 leaves open.
  const isInvalidProduct = (isInfinite<T>(a) && isZero<T>(b)) || (isZero<T>(a) && isInfinite<T>(b));
  if (isInvalidProduct) return invalid<T>();
  if (isNaN<T>(a) || isNaN<T>(b)) {
    nanOf<T>(c, c);
    return nanOf<T>(a, b);
  }
  if (isNaN<T>(c)) return nanOf<T>(c, c);
  if (!isSpecial<T>(a) && !isSpecial<T>(b)) return c;
  if (isSpecial<T>(c) && signOf<T>(c) !== sign) return invalid<T>();
  return withSign<T>(sign, infinity<T>());
}

// @ts-ignore: decorator
@inline
function isInfinite<T>(a: T): bool {
  return isSpecial<T>(a) && !isNaN<T>(a);
}
