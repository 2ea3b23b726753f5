/**
 * IEEE 754 arithmetic as the RISC-V F and D extensions define it: five rounding modes, the five exception
 * flags, tininess detected after rounding, one canonical NaN. Values are bit patterns, algorithms are integer,
 * for WebAssembly's own arithmetic rounds to nearest only and raises no flags; where that is enough it is used
 * (`nearest.ts`, `divide.ts`). No memory, no imports.
 *
 * `rm` is a rounding mode in the encoding of the instructions, 0 to 4 (`rounding.ts`); results for other
 * numbers are not defined, DYN is the caller's to resolve. Flags accrue until `takeFlags`.
 */
export * from './binary32';
export * from './binary64';
export { takeFlags } from './flags';
