/**
 * Operand kinds. Each turns the text of one operand into the bits that it contributes to the instruction word, so
 * that an instruction is its fixed bits or-ed with the bits of its operands.
 */
import { evaluate, type Scope } from './expression.js';
import { IMMEDIATES, type Immediate, placeImmediate } from './immediate.js';
import { CSRS, F_REGISTERS, ROUNDING_MODES, X_REGISTERS } from './registers.js';

export interface OperandScope extends Scope {
  /** Address of the instruction itself, from which branches count. */
  readonly pc: bigint;
}

export type Operand = (text: string, scope: OperandScope) => number;

function lookup(names: ReadonlyMap<string, number>, what: string, text: string): number {
  const number = names.get(text);
  if (number === undefined) throw new Error(`expected ${what}, got "${text}"`);
  return number;
}

const x = (shift: number): Operand => {
  return (text) => (lookup(X_REGISTERS, 'a register x0-x31', text) << shift) >>> 0;
};

const xNot = (shift: number, ...refused: number[]): Operand => {
  return (text) => {
    const number = lookup(X_REGISTERS, 'a register x0-x31', text);
    if (refused.includes(number)) throw new Error(`"${text}" is not possible here`);
    return number << shift;
  };
};

const f = (shift: number): Operand => {
  return (text) => (lookup(F_REGISTERS, 'a register f0-f31', text) << shift) >>> 0;
};

/** The eight registers x8-x15 or f8-f15 that three-bit fields can name. */
function popular(names: ReadonlyMap<string, number>, letter: string, shift: number): Operand {
  return (text) => {
    const number = lookup(names, `a register ${letter}8-${letter}15`, text);
    if (number < 8 || number > 15) throw new Error(`expected one of ${letter}8-${letter}15, got "${text}"`);
    return (number - 8) << shift;
  };
}

function immediate(format: Immediate): Operand {
  return (text, scope) => placeImmediate(format, evaluate(text, scope));
}

function target(format: Immediate): Operand {
  return (text, scope) => {
    const distance = BigInt.asIntN(64, evaluate(text, scope) - scope.pc);
    try {
      return placeImmediate(format, distance);
    } catch (error) {
      throw new Error(`target out of reach: ${(error as Error).message}`, { cause: error });
    }
  };
}

/** `offset(base)`, the offset being 0 when left out. */
function address(format: Immediate, base: Operand): Operand {
  return (text, scope) => {
    const match = /^(.*)\(\s*(\w+)\s*\)$/s.exec(text);
    if (match === null) throw new Error(`expected offset(register), got "${text}"`);
    const offset = (match[1] as string).trim();
    return (
      (placeImmediate(format, offset === '' ? 0n : evaluate(offset, scope)) |
        base(match[2] as string, scope)) >>>
      0
    );
  };
}

const baseOnly: Operand = (text, scope) => {
  const match = /^0?\(\s*(\w+)\s*\)$/.exec(text);
  if (match === null) throw new Error(`expected (register), got "${text}"`);
  return x(15)(match[1] as string, scope);
};

const csr: Operand = (text, scope) => {
  const number = CSRS.get(text);
  return placeImmediate(IMMEDIATES.csr, number === undefined ? evaluate(text, scope) : BigInt(number));
};

const fenceSet = (shift: number): Operand => {
  return (text) => {
    if (!/^i?o?r?w?$/.test(text)) throw new Error(`expected a set out of "iorw", got "${text}"`);
    return [...text].reduce((bits, letter) => bits | (8 >> 'iorw'.indexOf(letter)), 0) << shift;
  };
};

const luiImmediate: Operand = (text, scope) => {
  const value = evaluate(text, scope);
  const wrapped = value >= 0xfffe0n ? value - 0x100000n : value;
  if (wrapped < -32n || wrapped > 31n) throw new Error(`${value} is not in 1..31 or 0xfffe0..0xfffff`);
  return placeImmediate(IMMEDIATES.cLui, wrapped);
};

const spOnly: Operand = xNot(0, ...Array.from({ length: 32 }, (_, i) => i).filter((i) => i !== 2));
const stackPointer: Operand = (text, scope) => spOnly(text, scope) & 0;
const base3 = popular(X_REGISTERS, 'x', 7);

export const OPERANDS: Readonly<Record<string, Operand>> = {
  rd: x(7),
  rs1: x(15),
  rs2: x(20),
  frd: f(7),
  frs1: f(15),
  frs2: f(20),
  frs3: f(27),
  i: immediate(IMMEDIATES.i),
  u: immediate(IMMEDIATES.u),
  shamt5: immediate(IMMEDIATES.shamt5),
  shamt6: immediate(IMMEDIATES.shamt6),
  uimm5: immediate(IMMEDIATES.uimm5),
  csr,
  rm: (text) => lookup(ROUNDING_MODES, 'a rounding mode', text) << 12,
  load: address(IMMEDIATES.i, x(15)),
  store: address(IMMEDIATES.s, x(15)),
  base: baseOnly,
  branch: target(IMMEDIATES.b),
  jump: target(IMMEDIATES.j),
  pred: fenceSet(24),
  succ: fenceSet(20),
  'c.rd': xNot(7, 0),
  'c.rd-hint': x(7),
  'c.rd-lui': xNot(7, 0, 2),
  'c.sp': stackPointer,
  'c.rs2': x(2),
  'c.rs2-nonzero': xNot(2, 0),
  'c.frd': f(7),
  'c.frs2': f(2),
  "c.rd'": base3,
  "c.low'": popular(X_REGISTERS, 'x', 2),
  "c.flow'": popular(F_REGISTERS, 'f', 2),
  'c.imm': immediate(IMMEDIATES.ci),
  'c.lui': luiImmediate,
  'c.shamt': immediate(IMMEDIATES.cShamt),
  'c.addi16sp': immediate(IMMEDIATES.cAddi16sp),
  'c.addi4spn': immediate(IMMEDIATES.cAddi4spn),
  'c.word': address(IMMEDIATES.cWord, base3),
  'c.double': address(IMMEDIATES.cDouble, base3),
  'c.lwsp': address(IMMEDIATES.cLoadWordSp, stackPointer),
  'c.ldsp': address(IMMEDIATES.cLoadDoubleSp, stackPointer),
  'c.swsp': address(IMMEDIATES.cStoreWordSp, stackPointer),
  'c.sdsp': address(IMMEDIATES.cStoreDoubleSp, stackPointer),
  'c.jump': target(IMMEDIATES.cJump),
  'c.branch': target(IMMEDIATES.cBranch),
};
