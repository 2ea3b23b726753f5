/** The operations of the D extension on binary64 bits. */
import { add } from './add';
import { classify, equals, isLess, isLessOrEqual, maximum, minimum } from './compare';
import { convert, fromInteger, fromSigned, toInteger } from './convert';
import { divide, squareRoot } from './divide';
import { signBit } from './format';
import { multiplyAdd } from './fused';
import { multiply } from './multiply';
import { addNearest, canAddNearest, canMultiplyNearest, multiplyNearest } from './nearest';

export function f64_add(a: u64, b: u64, rm: u32): u64 {
  return canAddNearest<u64>(a, b, rm) ? addNearest<u64, f64>(a, b) : add<u64>(a, b, rm);
}

export function f64_sub(a: u64, b: u64, rm: u32): u64 {
  return f64_add(a, b ^ signBit<u64>(), rm);
}

export function f64_mul(a: u64, b: u64, rm: u32): u64 {
  return canMultiplyNearest<u64>(a, b, rm) ? multiplyNearest<u64, f64>(a, b) : multiply<u64>(a, b, rm);
}

export function f64_div(a: u64, b: u64, rm: u32): u64 {
  return divide<u64>(a, b, rm);
}

export function f64_sqrt(a: u64, rm: u32): u64 {
  return squareRoot<u64>(a, rm);
}

/** a * b + c; turn the signs of a and c for the other three fused instructions. */
export function f64_fma(a: u64, b: u64, c: u64, rm: u32): u64 {
  return multiplyAdd<u64>(a, b, c, rm);
}

export function f64_min(a: u64, b: u64): u64 {
  return minimum<u64>(a, b);
}

export function f64_max(a: u64, b: u64): u64 {
  return maximum<u64>(a, b);
}

export function f64_eq(a: u64, b: u64): u32 {
  return equals<u64>(a, b);
}

export function f64_lt(a: u64, b: u64): u32 {
  return isLess<u64>(a, b);
}

export function f64_le(a: u64, b: u64): u32 {
  return isLessOrEqual<u64>(a, b);
}

export function f64_class(a: u64): u32 {
  return classify<u64>(a);
}

/** fcvt.w.d */
export function f64_to_i32(a: u64, rm: u32): u64 {
  return toInteger<u64>(a, rm, true, <u64>i32.MAX_VALUE);
}

/** fcvt.wu.d: the 32-bit result is sign-extended, as the instruction writes it. */
export function f64_to_u32(a: u64, rm: u32): u64 {
  return <u64>(<i64>(<i32>toInteger<u64>(a, rm, false, <u64>u32.MAX_VALUE)));
}

/** fcvt.l.d */
export function f64_to_i64(a: u64, rm: u32): u64 {
  return toInteger<u64>(a, rm, true, <u64>i64.MAX_VALUE);
}

/** fcvt.lu.d */
export function f64_to_u64(a: u64, rm: u32): u64 {
  return toInteger<u64>(a, rm, false, u64.MAX_VALUE);
}

export function i32_to_f64(a: i32, rm: u32): u64 {
  return fromSigned<u64>(<i64>a, rm);
}

export function u32_to_f64(a: u32, rm: u32): u64 {
  return fromInteger<u64>(0, <u64>a, rm);
}

export function i64_to_f64(a: i64, rm: u32): u64 {
  return fromSigned<u64>(a, rm);
}

export function u64_to_f64(a: u64, rm: u32): u64 {
  return fromInteger<u64>(0, a, rm);
}

/** fcvt.s.d */
export function f64_to_f32(a: u64, rm: u32): u32 {
  return convert<u64, u32>(a, rm);
}
