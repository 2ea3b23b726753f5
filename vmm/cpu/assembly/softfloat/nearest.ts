/**
 * Shortcuts through WebAssembly's own arithmetic, for the mode that almost all code runs in: to nearest, ties to
 * even, which is the one that WebAssembly has. They take operands and results in ranges where only NX can be
 * raised, and find out exactly whether it must be. Everything else takes the general way.
 */
import { bias, exponentField, fraction, fractionBits, specialField } from './format';
import { NX, raise } from './flags';
import { RNE } from './rounding';

/** Normal, and far enough from overflow for any sum of two to be finite with all that is computed from it. */
// @ts-ignore: decorator
@inline
export function canAddNearest<T>(a: T, b: T, rm: u32): bool {
  const limit = <u32>specialField<T>() - 3;
  return rm === RNE && <u32>(exponentField<T>(a) - 1) < limit && <u32>(exponentField<T>(b) - 1) < limit;
}

/**
 * a + b. The rounding error of a sum to nearest is itself a number of the format, and the five operations below
 * (the "two-sum") give it without an error of their own. A sum that is subnormal is exact, thus never underflows.
 */
// @ts-ignore: decorator
@inline
export function addNearest<T, F>(a: T, b: T): T {
  const x = reinterpret<F>(a);
  const y = reinterpret<F>(b);
  const sum = x + y;
  const partOfY = sum - x;
  const partOfX = sum - partOfY;
  const error = (x - partOfX) + (y - partOfY);
  raise(<u32>(error !== <F>0) * NX);
  return reinterpret<T>(sum);
}

/** Both operands normal, and the product too whether its significand is below 2 or not. */
// @ts-ignore: decorator
@inline
export function canMultiplyNearest<T>(a: T, b: T, rm: u32): bool {
  const limit = <u32>specialField<T>() - 1;
  const sum = exponentField<T>(a) + exponentField<T>(b) - bias<T>();
  if (rm !== RNE || <u32>(sum - 1) >= limit - 1) return false;
  return <u32>(exponentField<T>(a) - 1) < limit && <u32>(exponentField<T>(b) - 1) < limit;
}

/**
 * a * b. The exact product of two significands of p bits has 2p - 1 bits, or 2p, and ends in as many zeros as
 * both together: it is exact when the others are p at most.
 */
// @ts-ignore: decorator
@inline
export function multiplyNearest<T, F>(a: T, b: T): T {
  const product = reinterpret<T>(reinterpret<F>(a) * reinterpret<F>(b));
  const leadingBit = <T>1 << <T>fractionBits<T>();
  const zeros = ctz<T>(fraction<T>(a) | leadingBit) + ctz<T>(fraction<T>(b) | leadingBit);
  // 1 for 2p bits. A product that was rounded up to a power of two counts as such, and is not exact either way.
  const extra = exponentField<T>(product) - (exponentField<T>(a) + exponentField<T>(b) - bias<T>());
  raise(u32(<i32>zeros < fractionBits<T>() + extra) * NX);
  return product;
}
