/** Multiplication, and the 128-bit product that the fused operation shares with it. */
import {
  exponentOf, infinity, invalid, isNaN, isSpecial, isZero, nanOf, significandOf, signOf, withSign,
} from './format';
import { roundPack } from './round-pack';

/** The upper 64 bits of the 128-bit product. */
// @ts-ignore: decorator
@inline
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const bLow = b & 0xffffffff;
  const aHigh = a >> 32;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const carry = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (carry >> 32);
}

/** a * b */
export function multiply<T>(a: T, b: T, rm: u32): T {
  const sign = signOf<T>(a) ^ signOf<T>(b);
  if (isSpecial<T>(a) || isSpecial<T>(b)) {
    if (isNaN<T>(a) || isNaN<T>(b)) return nanOf<T>(a, b);
    if (isZero<T>(a) || isZero<T>(b)) return invalid<T>();
    return withSign<T>(sign, infinity<T>());
  }
  if (isZero<T>(a) || isZero<T>(b)) return withSign<T>(sign, 0);
  const left = significandOf<T>(a);
  const right = significandOf<T>(b);
  // Two numbers in [1, 2) have a product in [1, 4): bit 63 of the upper half stands for 2.
  let product = multiplyHigh(left, right) | u64(left * right !== 0);
  let exponent = exponentOf<T>(a) + exponentOf<T>(b) + 1;
  if (product >> 63 === 0) {
    product <<= 1;
    exponent -= 1;
  }
  return roundPack<T>(sign, exponent, product, rm);
}
