/**
 * Immediates as the ISA manual draws them: a range, and which bits of the value go where in the instruction word.
 * `'12|10:5'` with top bit 31 means: bit 12 of the value into bit 31 of the word, bits 10 to 5 below it.
 */
export interface Immediate {
  readonly low: number;
  readonly high: number;
  readonly multipleOf: number;
  /** Top bit in the word, then the bits of the value from there downwards. */
  readonly fields: readonly (readonly [number, string])[];
  readonly nonZero?: boolean;
}

function signed(bits: number, multipleOf: number, ...fields: [number, string][]): Immediate {
  return { low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - multipleOf, multipleOf, fields };
}

function unsigned(bits: number, multipleOf: number, ...fields: [number, string][]): Immediate {
  return { low: 0, high: 2 ** bits - multipleOf, multipleOf, fields };
}

export const IMMEDIATES = {
  i: signed(12, 1, [31, '11:0']),
  s: signed(12, 1, [31, '11:5'], [11, '4:0']),
  b: signed(13, 2, [31, '12|10:5'], [11, '4:1|11']),
  j: signed(21, 2, [31, '20|10:1|11|19:12']),
  u: { low: -0x80000, high: 0xfffff, multipleOf: 1, fields: [[31, '19:0']] },
  shamt5: unsigned(5, 1, [24, '4:0']),
  shamt6: unsigned(6, 1, [25, '5:0']),
  csr: unsigned(12, 1, [31, '11:0']),
  uimm5: unsigned(5, 1, [19, '4:0']),
  ci: signed(6, 1, [12, '5'], [6, '4:0']),
  cShamt: { ...unsigned(6, 1, [12, '5'], [6, '4:0']), nonZero: true },
  cLui: {
    low: -32,
    high: 0xfffff,
    multipleOf: 1,
    fields: [
      [12, '5'],
      [6, '4:0'],
    ],
    nonZero: true,
  },
  cAddi16sp: { ...signed(10, 16, [12, '9'], [6, '4|6|8:7|5']), nonZero: true },
  cAddi4spn: { ...unsigned(10, 4, [12, '5:4|9:6|2|3']), nonZero: true },
  cWord: unsigned(7, 4, [12, '5:3'], [6, '2|6']),
  cDouble: unsigned(8, 8, [12, '5:3'], [6, '7:6']),
  cLoadWordSp: unsigned(8, 4, [12, '5'], [6, '4:2|7:6']),
  cLoadDoubleSp: unsigned(9, 8, [12, '5'], [6, '4:3|8:6']),
  cStoreWordSp: unsigned(8, 4, [12, '5:2|7:6']),
  cStoreDoubleSp: unsigned(9, 8, [12, '5:3|8:6']),
  cJump: signed(12, 2, [12, '11|4|9:8|10|6|7|3:1|5']),
  cBranch: signed(9, 2, [12, '8|4:3'], [6, '7:6|2:1|5']),
} as const satisfies Record<string, Immediate>;

/** Puts the bits of `value` where `format` wants them; throws an Error when the value cannot be expressed. */
export function placeImmediate(format: Immediate, value: bigint): number {
  const { low, high, multipleOf } = format;
  if (value < low || value > high) throw new Error(`${value} is not in ${low}..${high}`);
  if (value % BigInt(multipleOf) !== 0n) throw new Error(`${value} is not a multiple of ${multipleOf}`);
  if (format.nonZero && value === 0n) throw new Error('0 is not possible here');
  const bits = Number(BigInt.asUintN(32, value));
  let word = 0;
  for (const [topBit, spec] of format.fields) {
    let at = topBit;
    for (const range of spec.split('|')) {
      const [from, to] = range.split(':').map(Number) as [number, number?];
      for (let bit = from; bit >= (to ?? from); bit--) word |= ((bits >>> bit) & 1) << at--;
    }
  }
  return word >>> 0;
}
