/**
 * The last step of every arithmetic operation: an exact result, or one with a sticky bit 0, becomes a
 * number of the format, and the flags OF, UF and NX are raised as the rounding demands.
 */
import { bias, fractionBits, infinity, specialField, withSign } from './format';
import { NX, OF, raise, UF } from './flags';
import { RDN, roundUp, RTZ, RUP } from './rounding';

/** Shifts right; what falls off is kept as a 1 in bit 0. Any distance is fine. */
// @ts-ignore: decorator
@inline
export function shiftRightSticky(value: u64, distance: i32): u64 {
  if (distance === 0) return value;
  if (distance >= 64) return u64(value !== 0);
  return (value >> distance) | u64(value << (64 - distance) !== 0);
}

/** Rounds (-1)^sign * significand * 2^(exponent - 63); bit 63 of the significand must be set. */
export function roundPack<T>(sign: u32, exponent: i32, significand: u64, rm: u32): T {
  const tailBits = 63 - fractionBits<T>();
  const field = exponent + bias<T>();
  if (field <= 0) return roundPackSubnormal<T>(sign, field, significand, rm);
  const kept = significand >> tailBits;
  const tail = significand << (64 - tailBits);
  // The leading bit of `kept` adds the missing 1 to the field, and so does a carry out of the fraction.
  const bits = (<u64>(field - 1) << fractionBits<T>()) + kept + roundUp(rm, sign, kept & 1, tail);
  if (field >= specialField<T>() || bits >= <u64>infinity<T>()) return overflow<T>(sign, rm);
  if (tail !== 0) raise(NX);
  return withSign<T>(sign, <T>bits);
}

/** `field` is the exponent field that the number would have: 0 or less. */
function roundPackSubnormal<T>(sign: u32, field: i32, significand: u64, rm: u32): T {
  const tailBits = 63 - fractionBits<T>();
  const shifted = shiftRightSticky(significand, 1 - field);
  const kept = shifted >> tailBits;
  const tail = shifted << (64 - tailBits);
  if (tail !== 0) {
    raise(field < 0 || !carriesOut<T>(sign, significand, rm) ? UF | NX : NX);
  }
  return withSign<T>(sign, <T>(kept + roundUp(rm, sign, kept & 1, tail)));
}

/** Whether rounding to the full precision, as if the exponent had no lower end, reaches the next power of two. */
function carriesOut<T>(sign: u32, significand: u64, rm: u32): bool {
  const tailBits = 63 - fractionBits<T>();
  const kept = significand >> tailBits;
  const rounded = kept + roundUp(rm, sign, kept & 1, significand << (64 - tailBits));
  return rounded >> (fractionBits<T>() + 1) !== 0;
}

function overflow<T>(sign: u32, rm: u32): T {
  raise(OF | NX);
  const towardsZero = rm === RTZ || rm === (sign ? RUP : RDN);
  return withSign<T>(sign, towardsZero ? infinity<T>() - 1 : infinity<T>());
}
