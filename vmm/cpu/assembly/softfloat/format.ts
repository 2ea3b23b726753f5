/**
 * The two interchange formats. A value is the unsigned integer that holds its bits, and the type of that
 * integer names the format: u32 is binary32 (F), u64 is binary64 (D). All functions are folded at compile
 * time, so that each algorithm is written once and compiled for either format.
 *
 * Inside an algorithm a finite number that is not zero is three values:
 *   sign         0 or 1
 *   exponent     of the leading bit, not biased
 *   significand  u64 whose bit 63 is that leading bit
 * so that the number is (-1)^sign * significand * 2^(exponent - 63). Subnormals look like all others.
 */
import { NV, raise } from './flags';

// @ts-ignore: decorator
@inline
export function fractionBits<T>(): i32 {
  return sizeof<T>() === 8 ? 52 : 23;
}

// @ts-ignore: decorator
@inline
export function bias<T>(): i32 {
  return sizeof<T>() === 8 ? 1023 : 127;
}

/** The exponent field of infinities and NaNs. */
// @ts-ignore: decorator
@inline
export function specialField<T>(): i32 {
  return sizeof<T>() === 8 ? 0x7ff : 0xff;
}

// @ts-ignore: decorator
@inline
export function signBit<T>(): T {
  return sizeof<T>() === 8 ? <T>(<u64>1 << 63) : <T>(<u32>1 << 31);
}

// @ts-ignore: decorator
@inline
export function infinity<T>(): T {
  return sizeof<T>() === 8 ? <T>(<u64>0x7ff << 52) : <T>(<u32>0xff << 23);
}

/** The only NaN that arithmetic produces. */
// @ts-ignore: decorator
@inline
export function canonicalNaN<T>(): T {
  return sizeof<T>() === 8 ? <T>(<u64>0xfff << 51) : <T>(<u32>0x1ff << 22);
}

// @ts-ignore: decorator
@inline
export function signOf<T>(a: T): u32 {
  return sizeof<T>() === 8 ? <u32>(<u64>a >> 63) : <u32>a >> 31;
}

/** The bits without the sign: ordered as the magnitudes that they stand for. */
// @ts-ignore: decorator
@inline
export function magnitude<T>(a: T): T {
  return a & ~signBit<T>();
}

// @ts-ignore: decorator
@inline
export function exponentField<T>(a: T): i32 {
  return <i32>(a >> <T>fractionBits<T>()) & specialField<T>();
}

// @ts-ignore: decorator
@inline
export function fraction<T>(a: T): T {
  return a & ((<T>1 << <T>fractionBits<T>()) - 1);
}

/** True for infinities and NaNs. */
// @ts-ignore: decorator
@inline
export function isSpecial<T>(a: T): bool {
  return magnitude<T>(a) >= infinity<T>();
}

// @ts-ignore: decorator
@inline
export function isNaN<T>(a: T): bool {
  return magnitude<T>(a) > infinity<T>();
}

// @ts-ignore: decorator
@inline
export function isSignaling<T>(a: T): bool {
  const quietBit = <T>1 << <T>(fractionBits<T>() - 1);
  return isNaN<T>(a) && (a & quietBit) === 0;
}

// @ts-ignore: decorator
@inline
export function isZero<T>(a: T): bool {
  return magnitude<T>(a) === 0;
}

/** Puts a sign of 0 or 1 on a magnitude. */
// @ts-ignore: decorator
@inline
export function withSign<T>(sign: u32, positive: T): T {
  return positive | (<T>sign << <T>(sizeof<T>() * 8 - 1));
}

/** Exponent of the leading bit of a finite number that is not zero. */
// @ts-ignore: decorator
@inline
export function exponentOf<T>(a: T): i32 {
  const field = exponentField<T>(a);
  if (field !== 0) return field - bias<T>();
  return 64 - bias<T>() - fractionBits<T>() - <i32>clz<u64>(<u64>fraction<T>(a));
}

/** Significand of a finite number, leading bit at bit 63; 0 for a zero. */
// @ts-ignore: decorator
@inline
export function significandOf<T>(a: T): u64 {
  const bits = <u64>fraction<T>(a);
  if (exponentField<T>(a) === 0) return bits << clz<u64>(bits);
  return (bits << (63 - fractionBits<T>())) | (<u64>1 << 63);
}

/** The result of an operation without a meaning, as 0/0. */
// @ts-ignore: decorator
@inline
export function invalid<T>(): T {
  raise(NV);
  return canonicalNaN<T>();
}

/** The result of an operation on operands of which at least one is a NaN. */
export function nanOf<T>(a: T, b: T): T {
  if (isSignaling<T>(a) || isSignaling<T>(b)) raise(NV);
  return canonicalNaN<T>();
}
