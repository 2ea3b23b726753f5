/**
 * Conversions between the formats, and to and from integers. To an integer: a value that does not fit after
 * rounding gives the nearest integer that does, a NaN the largest one, both with NV and nothing else.
 */
import {
  canonicalNaN, exponentOf, infinity, isNaN, isSpecial, isZero, nanOf, significandOf, signOf, withSign,
} from './format';
import { NV, NX, raise } from './flags';
import { roundPack } from './round-pack';
import { roundUp } from './rounding';

/** A number of format From as one of format To. */
export function convert<From, To>(a: From, rm: u32): To {
  if (isNaN<From>(a)) {
    nanOf<From>(a, a);
    return canonicalNaN<To>();
  }
  if (isSpecial<From>(a)) return withSign<To>(signOf<From>(a), infinity<To>());
  if (isZero<From>(a)) return withSign<To>(signOf<From>(a), 0);
  return roundPack<To>(signOf<From>(a), exponentOf<From>(a), significandOf<From>(a), rm);
}

/**
 * Rounds to a signed integer from -(greatest + 1) to greatest, or to an unsigned one from 0 to greatest;
 * `greatest` is of the form 2^n - 1. The result is in two's complement of 64 bits.
 */
// @ts-ignore: decorator
@inline
export function toInteger<T>(a: T, rm: u32, isSigned: bool, greatest: u64): u64 {
  const sign = isNaN<T>(a) ? 0 : signOf<T>(a);
  const least = isSigned ? greatest + 1 : 0;
  const limit = sign !== 0 ? least : greatest;
  const exponent = isZero<T>(a) ? -2 : exponentOf<T>(a);
  if (isSpecial<T>(a) || exponent > 63) return saturated(sign, limit);
  const significand = significandOf<T>(a);
  let whole: u64 = 0;
  let tail = significand;
  if (exponent < -1) {
    tail = u64(significand !== 0);
  } else if (exponent === 63) {
    whole = significand;
    tail = 0;
  } else if (exponent >= 0) {
    whole = significand >> (63 - exponent);
    tail = significand << (exponent + 1);
  }
  whole += roundUp(rm, sign, whole & 1, tail);
  if (whole > limit) return saturated(sign, limit);
  if (tail !== 0) raise(NX);
  return sign !== 0 ? 0 - whole : whole;
}

function saturated(sign: u32, limit: u64): u64 {
  raise(NV);
  return sign !== 0 ? 0 - limit : limit;
}

/** An integer given as sign and magnitude. */
export function fromInteger<T>(sign: u32, absolute: u64, rm: u32): T {
  if (absolute === 0) return 0;
  const zeros = <i32>clz<u64>(absolute);
  return roundPack<T>(sign, 63 - zeros, absolute << zeros, rm);
}

// @ts-ignore: decorator
@inline
export function fromSigned<T>(value: i64, rm: u32): T {
  return value < 0 ? fromInteger<T>(1, 0 - <u64>value, rm) : fromInteger<T>(0, <u64>value, rm);
}
