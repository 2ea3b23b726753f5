/** Integer operations that WebAssembly has not, or has with traps: high products, division. */

/** Upper 64 bits of an unsigned product. */
@inline
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}

@inline
export function multiplyHighSigned(a: u64, b: u64): u64 {
  return multiplyHigh(a, b) - ((<i64>a >> 63) & b) - ((<i64>b >> 63) & a);
}

/** Signed `a` times unsigned `b`. */
@inline
export function multiplyHighMixed(a: u64, b: u64): u64 {
  return multiplyHigh(a, b) - ((<i64>a >> 63) & b);
}

/** A 32-bit result as a register holds it. */
@inline
export function word(value: i32): u64 {
  return <u64>(<i64>value);
}

@inline
export function divide(a: u64, b: u64): u64 {
  if (b == 0) return ~0;
  if (b == ~0) return 0 - a;
  return <u64>(<i64>a / <i64>b);
}

@inline
export function divideUnsigned(a: u64, b: u64): u64 {
  return b == 0 ? ~0 : a / b;
}

@inline
export function remainder(a: u64, b: u64): u64 {
  if (b == 0) return a;
  if (b == ~0) return 0;
  return <u64>(<i64>a % <i64>b);
}

@inline
export function remainderUnsigned(a: u64, b: u64): u64 {
  return b == 0 ? a : a % b;
}

@inline
export function divideWord(a: u64, b: u64): u64 {
  const divisor = <i32>b;
  if (divisor == 0) return ~0;
  if (divisor == -1) return word(0 - <i32>a);
  return word(<i32>a / divisor);
}

@inline
export function divideUnsignedWord(a: u64, b: u64): u64 {
  const divisor = <u32>b;
  return divisor == 0 ? ~0 : word(<u32>a / divisor);
}

@inline
export function remainderWord(a: u64, b: u64): u64 {
  const divisor = <i32>b;
  if (divisor == 0) return word(<i32>a);
  if (divisor == -1) return 0;
  return word(<i32>a % divisor);
}

@inline
export function remainderUnsignedWord(a: u64, b: u64): u64 {
  const divisor = <u32>b;
  return word(divisor == 0 ? <u32>a : <u32>a % divisor);
}
