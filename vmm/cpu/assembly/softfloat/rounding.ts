/**
 * The five rounding modes and the one decision that they differ in.
 * The mode `DYN` and the reserved encodings are the caller's to resolve: here they count as RMM.
 */

/** To nearest, ties to even. */
export const RNE: u32 = 0;
/** Towards zero. */
export const RTZ: u32 = 1;
/** Down, towards minus infinity. */
export const RDN: u32 = 2;
/** Up, towards plus infinity. */
export const RUP: u32 = 3;
/** To nearest, ties to the larger magnitude. */
export const RMM: u32 = 4;

const HALF: u64 = 1 << 63;

/**
 * 1 when a magnitude that was cut off must be made one unit larger, else 0.
 * `tail` is what was cut off as a fraction of one unit: HALF is one half. Bits beyond its 64 may be
 * folded into bit 0 ("sticky"), for only being zero, and being below, at or above one half matters.
 */
// @ts-ignore: decorator
@inline
export function roundUp(rm: u32, sign: u32, isOdd: u64, tail: u64): u64 {
  if (rm === RNE) return u64(tail > HALF) | (u64(tail === HALF) & isOdd);
  if (rm === RTZ) return 0;
  if (rm === RDN) return u64(tail !== 0) & <u64>sign;
  if (rm === RUP) return u64(tail !== 0) & <u64>(sign ^ 1);
  return u64(tail >= HALF);
}
