/**
 * The reference for rounding: exact rational values as BigInt, and one function that rounds such a value to a
 * format in all five modes, following the words of IEEE 754 and nothing of the implementation under test.
 */
export const NV = 16;
export const DZ = 8;
export const OF = 4;
export const UF = 2;
export const NX = 1;

/** In the order of their encoding. */
export const MODES = ['RNE', 'RTZ', 'RDN', 'RUP', 'RMM'] as const;
export type Mode = (typeof MODES)[number];

export interface Format {
  readonly name: 'f32' | 'f64';
  readonly bits: number;
  /** Significant bits of a normal number, the leading one included. */
  readonly precision: number;
  readonly maxExponent: number;
  readonly minExponent: number;
}

export const F32: Format = { name: 'f32', bits: 32, precision: 24, maxExponent: 127, minExponent: -126 };
export const F64: Format = { name: 'f64', bits: 64, precision: 53, maxExponent: 1023, minExponent: -1022 };

/** (-1)^sign * numerator / denominator * 2^exponent, not zero. */
export interface Exact {
  readonly sign: number;
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly exponent: number;
}

export interface Result {
  readonly bits: bigint;
  readonly flags: number;
}

/** One result for each of MODES. */
export type Results = readonly Result[];

/** What a cut leaves: a whole number of units, and how the rest compares with half a unit. */
interface Cut {
  readonly whole: bigint;
  readonly rest: 'none' | 'below' | 'half' | 'above';
}

export function infinity({ bits, precision }: Format): bigint {
  return (1n << BigInt(bits - 1)) - (1n << BigInt(precision - 1));
}

export function canonicalNaN(format: Format): bigint {
  return infinity(format) | (1n << BigInt(format.precision - 2));
}

export function withSign({ bits }: Format, sign: number, magnitude: bigint): bigint {
  return sign === 0 ? magnitude : magnitude | (1n << BigInt(bits - 1));
}

function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return digits.length * 4 - (Math.clz32(Number.parseInt(digits.charAt(0), 16)) - 28);
}

function shift(value: bigint, distance: number): bigint {
  return distance >= 0 ? value << BigInt(distance) : value;
}

/** The value in units of 2^unit. */
export function cut({ numerator, denominator, exponent }: Exact, unit: number): Cut {
  const dividend = shift(numerator, exponent - unit);
  const divisor = shift(denominator, unit - exponent);
  const whole = dividend / divisor;
  const rest = (dividend - whole * divisor) * 2n;
  if (rest === 0n) return { whole, rest: 'none' };
  if (rest === divisor) return { whole, rest: 'half' };
  return { whole, rest: rest < divisor ? 'below' : 'above' };
}

/** The whole number that the cut rounds to. */
export function roundCut({ whole, rest }: Cut, sign: number, mode: Mode): bigint {
  if (rest === 'none') return whole;
  switch (mode) {
    case 'RNE':
      return rest === 'above' || (rest === 'half' && whole % 2n === 1n) ? whole + 1n : whole;
    case 'RMM':
      return rest === 'below' ? whole : whole + 1n;
    case 'RTZ':
      return whole;
    case 'RDN':
      return sign === 1 ? whole + 1n : whole;
    case 'RUP':
      return sign === 0 ? whole + 1n : whole;
  }
}

/** The exponent of the leading bit. */
function leadingExponent({ numerator, denominator, exponent }: Exact): number {
  const difference = bitLength(numerator) - bitLength(denominator);
  const reaches = shift(numerator, -difference) >= shift(denominator, difference);
  return exponent + (reaches ? difference : difference - 1);
}

function overflow(format: Format, sign: number, mode: Mode): Result {
  const stops = mode === 'RTZ' || mode === (sign === 0 ? 'RDN' : 'RUP');
  const magnitude = stops ? infinity(format) - 1n : infinity(format);
  return { bits: withSign(format, sign, magnitude), flags: OF | NX };
}

export function roundToFormat(format: Format, value: Exact): Results {
  const { precision, minExponent } = format;
  const leading = leadingExponent(value);
  const preciseUnit = leading - precision + 1;
  const leastUnit = minExponent - precision + 1;
  const unit = Math.max(preciseUnit, leastUnit);
  const precise = cut(value, preciseUnit);
  const kept = unit === preciseUnit ? precise : cut(value, unit);
  const nextPower = 1n << BigInt(precision);
  return MODES.map((mode) => {
    const whole = roundCut(kept, value.sign, mode);
    const roundedExponent = leading + (roundCut(precise, value.sign, mode) === nextPower ? 1 : 0);
    if (roundedExponent > format.maxExponent) return overflow(format, value.sign, mode);
    // A unit more is one more in the exponent field; the leading bit of a normal number adds one to it too.
    const magnitude = (BigInt(unit - leastUnit) << BigInt(precision - 1)) + whole;
    const isTiny = roundedExponent < minExponent;
    const flags = kept.rest === 'none' ? 0 : isTiny ? UF | NX : NX;
    return { bits: withSign(format, value.sign, magnitude), flags };
  });
}
