/** Tables of floating-point cases: operands and result as numbers or bit patterns, and the flags raised. */
import { record, runProgram } from './run-program.js';

export type FloatFormat = 's' | 'd';
/** A number is a value in the format of the table, a bigint the bits of a register. */
export type FloatValue = number | bigint;
/** Instruction with its result in a0 or fa0 and operands in fa1-fa3 (or a1), operands, result, flags raised. */
export type FloatCase = readonly [string, readonly FloatValue[], FloatValue, string];

export const CANONICAL_NAN = { s: 0xffffffff7fc00000n, d: 0x7ff8000000000000n } as const;
export const SIGNALING_NAN = { s: 0xffffffff7f800001n, d: 0x7ff0000000000001n } as const;
/** A quiet NaN with a payload and a sign, which no arithmetic result may keep. */
export const PAYLOAD_NAN = { s: 0xffffffffffc12345n, d: 0xfff8123456789abcn } as const;

const FLAGS: Readonly<Record<string, number>> = { NX: 1, UF: 2, OF: 4, DZ: 8, NV: 16 };
const ENABLE_FLOAT = 'li t0, 0x6000; csrs mstatus, t0';

export function bitsOf(value: FloatValue, format: FloatFormat): bigint {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value);
  const view = new DataView(new ArrayBuffer(8));
  if (format === 'd') {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, value);
  return 0xffffffff00000000n | BigInt(view.getUint32(0));
}

function program(cases: readonly FloatCase[], format: FloatFormat): string {
  const snippets = cases.map(([instruction, operands]) => {
    const loads = operands.map(
      (value, index) => `li a0, ${bitsOf(value, format)}; fmv.d.x fa${index + 1}, a0`,
    );
    const result = / a0,/.test(instruction) ? '' : 'fmv.x.d a0, fa0';
    return [...loads, 'fsflagsi 0', instruction, 'frflags a2', result, record('a0', 'a2')].join('\n');
  });
  return [ENABLE_FLOAT, ...snippets].join('\n');
}

function flagNames(bits: bigint): string {
  const names = Object.entries(FLAGS).filter(([, bit]) => (bits & BigInt(bit)) !== 0n);
  return names.map(([name]) => name).join(' ');
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** Runs all cases in one program; throws an error that lists each one with a wrong result or wrong flags. */
export function checkFloatCases(format: FloatFormat, cases: readonly FloatCase[]): void {
  const { records } = runProgram(program(cases, format));
  if (records.length !== 2 * cases.length)
    throw new Error(`expected ${2 * cases.length} records, got ${records.length}`);
  const wrong = cases.flatMap(([instruction, operands, expected, flags], index) => {
    // A result in a0 is an integer and not a value of the format.
    const inInteger = / a0,/.test(instruction);
    const wanted = inInteger ? BigInt.asUintN(64, BigInt(expected)) : bitsOf(expected, format);
    const result = records[2 * index] as bigint;
    const raised = flagNames(records[2 * index + 1] as bigint);
    const sorted = flags.split(' ').sort().join(' ');
    if (result === wanted && raised.split(' ').sort().join(' ') === sorted) return [];
    const inputs = operands.map((value) => hex(bitsOf(value, format))).join(', ');
    return [
      `${instruction} of ${inputs}: expected ${hex(wanted)} [${flags}], got ${hex(result)} [${raised}]`,
    ];
  });
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${cases.length} wrong\n${wrong.join('\n')}`);
}
