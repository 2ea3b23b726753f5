/** The operations of the F extension on binary32 bits. NaN boxing in the registers is the caller's. */
import { add } from './add';
import { classify, equals, isLess, isLessOrEqual, maximum, minimum } from './compare';
import { convert, fromInteger, fromSigned, toInteger } from './convert';
import { divide, squareRoot } from './divide';
import { signBit } from './format';
import { multiplyAdd } from './fused';
import { multiply } from './multiply';
import { addNearest, canAddNearest, canMultiplyNearest, multiplyNearest } from './nearest';

export function f32_add(a: u32, b: u32, rm: u32): u32 {
  return canAddNearest<u32>(a, b, rm) ? addNearest<u32, f32>(a, b) : add<u32>(a, b, rm);
}

export function f32_sub(a: u32, b: u32, rm: u32): u32 {
  return f32_add(a, b ^ signBit<u32>(), rm);
}

export function f32_mul(a: u32, b: u32, rm: u32): u32 {
  return canMultiplyNearest<u32>(a, b, rm) ? multiplyNearest<u32, f32>(a, b) : multiply<u32>(a, b, rm);
}

export function f32_div(a: u32, b: u32, rm: u32): u32 {
  return divide<u32>(a, b, rm);
}

export function f32_sqrt(a: u32, rm: u32): u32 {
  return squareRoot<u32>(a, rm);
}

/** a * b + c; turn the signs of a and c for the other three fused instructions. */
export function f32_fma(a: u32, b: u32, c: u32, rm: u32): u32 {
  return multiplyAdd<u32>(a, b, c, rm);
}

export function f32_min(a: u32, b: u32): u32 {
  return minimum<u32>(a, b);
}

export function f32_max(a: u32, b: u32): u32 {
  return maximum<u32>(a, b);
}

export function f32_eq(a: u32, b: u32): u32 {
  return equals<u32>(a, b);
}

export function f32_lt(a: u32, b: u32): u32 {
  return isLess<u32>(a, b);
}

export function f32_le(a: u32, b: u32): u32 {
  return isLessOrEqual<u32>(a, b);
}

export function f32_class(a: u32): u32 {
  return classify<u32>(a);
}

/** fcvt.w.s */
export function f32_to_i32(a: u32, rm: u32): u64 {
  return toInteger<u32>(a, rm, true, <u64>i32.MAX_VALUE);
}

/** fcvt.wu.s: the 32-bit result is sign-extended, as the instruction writes it. */
export function f32_to_u32(a: u32, rm: u32): u64 {
  return <u64>(<i64>(<i32>toInteger<u32>(a, rm, false, <u64>u32.MAX_VALUE)));
}

/** fcvt.l.s */
export function f32_to_i64(a: u32, rm: u32): u64 {
  return toInteger<u32>(a, rm, true, <u64>i64.MAX_VALUE);
}

/** fcvt.lu.s */
export function f32_to_u64(a: u32, rm: u32): u64 {
  return toInteger<u32>(a, rm, false, u64.MAX_VALUE);
}

export function i32_to_f32(a: i32, rm: u32): u32 {
  return fromSigned<u32>(<i64>a, rm);
}

export function u32_to_f32(a: u32, rm: u32): u32 {
  return fromInteger<u32>(0, <u64>a, rm);
}

export function i64_to_f32(a: i64, rm: u32): u32 {
  return fromSigned<u32>(a, rm);
}

export function u64_to_f32(a: u64, rm: u32): u32 {
  return fromInteger<u32>(0, a, rm);
}

/** fcvt.d.s: always exact. */
export function f32_to_f64(a: u32): u64 {
  return convert<u32, u64>(a, 0);
}
