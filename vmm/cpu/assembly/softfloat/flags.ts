/**
 * The accrued exception flags, in the bit positions of the RISC-V `fflags` register.
 *
 * Every operation of this folder only ever adds flags. The caller decides when to collect them: after each
 * operation, or once when the guest reads `fflags`; `takeFlags` leaves nothing behind.
 */

/** Invalid operation. */
export const NV: u32 = 16;
/** Division of a finite number by zero. */
export const DZ: u32 = 8;
/** Overflow. */
export const OF: u32 = 4;
/** Underflow: the result is tiny after rounding, and inexact. */
export const UF: u32 = 2;
/** Inexact. */
export const NX: u32 = 1;

let accrued: u32 = 0;

// @ts-ignore: decorator
@inline
export function raise(flags: u32): void {
  accrued |= flags;
}

/** The flags raised since the last call; clears them. */
export function takeFlags(): u32 {
  const taken = accrued;
  accrued = 0;
  return taken;
}
