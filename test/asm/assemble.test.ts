/** The assembler around its encodings: layout, symbols, expressions, directives, constants, and its errors. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assemble } from './assemble.js';
import { AssemblyError } from './error.js';

const ORIGIN = 0x80000000;

function hexOf(source: string, origin: number | bigint = ORIGIN): string {
  return Buffer.from(assemble(source, { origin }).bytes).toString('hex');
}

function problemOf(source: string): AssemblyError {
  try {
    assemble(source, { origin: ORIGIN });
  } catch (error) {
    assert.instance(error, AssemblyError);
    return error as AssemblyError;
  }
  throw new Error(`expected an error for: ${source}`);
}

/** Executes what `li` expands to, which is only these four instructions. */
function runConstant(source: string): bigint {
  const { bytes } = assemble(source, { origin: 0 });
  const view = new DataView(bytes.buffer);
  let value = 0n;
  for (let at = 0; at < bytes.length; at += 4) {
    const word = view.getInt32(at, true);
    const immediate = BigInt(word >> 20);
    const opcode = word & 0x7f;
    const source0 = ((word >> 15) & 31) === 0 ? 0n : value;
    if (opcode === 0x37) value = BigInt(word & 0xfffff000);
    else if (opcode === 0x1b) value = BigInt.asIntN(32, source0 + immediate);
    else if (((word >> 12) & 7) === 1) value = source0 << (immediate & 63n);
    else value = source0 + immediate;
    value = BigInt.asIntN(64, value);
  }
  return value;
}

const layout = suite('layout and symbols');

layout('labels may be used before and after they are defined', () => {
  assert.is(hexOf('j end\n nop\nend: j end'), '6f008000130000006f000000');
});

layout('a numeric label means the nearest one in the given direction', () => {
  assert.is(hexOf('1: j 1f\n 1: j 1b\n j 1f\n 1: nop'), hexOf('a: j b\n b: j b\n j c\n c: nop'));
});

layout('symbols are reported with their addresses', () => {
  const { symbols } = assemble('.equ SIZE, 3 * 4\nstart: nop\nafter: ret', { origin: 0x80200000 });
  assert.is(symbols.get('SIZE'), 12n);
  assert.is(symbols.get('start'), 0x80200000n);
  assert.is(symbols.get('after'), 0x80200004n);
});

layout('la and call reach a symbol whose low part is negative', () => {
  // 0x80000000 + 0x1000 - 4 + 0x800: %hi rounds up, %lo is -0x800 + …
  const source = 'la a0, far\n call far\n .zero 0x17f0\nfar: ret';
  const bytes = new DataView(assemble(source, { origin: ORIGIN }).bytes.buffer);
  for (const at of [0, 8]) {
    const upper = bytes.getInt32(at, true) & 0xfffff000;
    const lower = bytes.getInt32(at + 4, true) >> 20;
    assert.is(at + upper + lower, 0x1800);
  }
});

layout('several statements fit a line and comments end it', () => {
  assert.is(hexOf("nop; nop # nop\n nop // it's a comment; nop\n"), '13000000'.repeat(3));
});

const directives = suite('directives');

directives('data is little-endian and takes labels and expressions', () => {
  assert.is(hexOf('.byte 1, -1, 0xff\n.half 0x1234'), '01ffff3412');
  assert.is(hexOf('.word 0x12345678, -2'), '78563412feffffff');
  assert.is(hexOf('here: .dword here + 1, -1'), `0100008000000000${'ff'.repeat(8)}`);
});

directives('strings know escapes, separators and the final zero', () => {
  assert.is(hexOf('.ascii "a, b;#"'), Buffer.from('a, b;#').toString('hex'));
  assert.is(hexOf('.asciz "\\n\\"\\\\"'), '0a225c00');
});

directives('.align, .balign, .zero and .org pad with zeros', () => {
  assert.is(hexOf('.byte 1\n.align 2\n.byte 2\n.balign 2'), '010000000200');
  assert.is(hexOf('.zero 2 + 1\n.byte 7'), '00000007');
  assert.is(hexOf('.byte 1\n.org 0x80000004\n.byte 2'), '0100000002');
  assert.is(hexOf('.align 3', 0x1004), '00000000');
});

const expressions = suite('expressions');

expressions('operators have the precedence of C and values are 64 bits', () => {
  const cases: [string, string][] = [
    ['1 + 2 * 3', '7'],
    ['(1 + 2) * 3', '9'],
    ['1 << 4 | 3 & 2', '18'],
    ['~0 ^ 0xf', '-16'],
    ['-7 / 2', '-3'],
    ['7 % 4 - -1', '4'],
    ["'A' + 1", '66'],
    ["'\\n'", '10'],
    ['0b101 + 1_000', '1005'],
    ['(1 << 63) + 5', '-9223372036854775803'],
    ['%lo(0x12345fff)', '-1'],
    ['%hi(0x12345fff)', '0x12346'],
    ['0xffffffffffffffff + 2', '1'],
  ];
  for (const [expression, value] of cases) {
    const { symbols } = assemble(`.equ value, ${expression}`, { origin: 0 });
    assert.is(
      symbols.get('value'),
      BigInt.asIntN(64, value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value)),
      expression,
    );
  }
});

expressions('li puts every kind of constant into the register', () => {
  const constants = [
    0n,
    -1n,
    2047n,
    2048n,
    -2048n,
    -2049n,
    0x7fffffffn,
    0x7ffff800n,
    0x80000000n,
    -0x80000000n,
  ];
  for (let shift = 0n; shift < 64n; shift++) {
    constants.push(1n << shift, (1n << shift) - 1n, -(1n << shift), 0x9e3779b97f4a7c15n >> shift);
  }
  for (const constant of constants) {
    assert.is(runConstant(`li a0, ${constant}`), BigInt.asIntN(64, constant), `li a0, ${constant}`);
  }
});

expressions('li takes as few instructions as the constant allows', () => {
  const sizes = ['5', '0x12345000', '0x12345678', '1 << 40', '0x80200000'].map(
    (constant) => hexOf(`li a0, ${constant}`).length / 8,
  );
  assert.equal(sizes, [1, 1, 2, 2, 2]);
});

const errors = suite('errors');

errors('a mistake is reported with its line, the reason and the text', () => {
  const error = problemOf('nop\n\n  addi a0, a0, 5000 # too much\n');
  assert.is(error.line, 3);
  assert.is(error.message, 'line 3: 5000 is not in -2048..2047: addi a0, a0, 5000');
});

errors('every kind of mistake has a sentence of its own', () => {
  const cases: [string, RegExp][] = [
    ['frobnicate a0', /"frobnicate" is not an instruction or directive/],
    ['add a0, a1', /add wants 3 operands, got 2/],
    ['add a0, a1, a9', /expected a register x0-x31, got "a9"/],
    ['fadd.s a0, fa0, fa1', /expected a register f0-f31, got "a0"/],
    ['fadd.s fa0, fa0, fa1, up', /expected a rounding mode, got "up"/],
    ['c.lw t0, 0(a0)', /expected one of x8-x15, got "t0"/],
    ['c.lwsp zero, 0(sp)', /"zero" is not possible here/],
    ['c.lwsp a0, 0(a0)', /"a0" is not possible here/],
    ['c.addi4spn a0, sp, 0', /0 is not possible here/],
    ['c.lui a0, 32', /32 is not in 1..31 or 0xfffe0..0xfffff/],
    ['slliw a0, a0, 32', /32 is not in 0..31/],
    ['lw a0, a1', /expected offset\(register\), got "a1"/],
    ['lr.w a0, 4(a1)', /expected \(register\), got "4\(a1\)"/],
    ['c.ld a0, 4(a1)', /4 is not a multiple of 8/],
    ['beq a0, a1, .+4096', /target out of reach: 4096 is not in -4096..4094/],
    ['j .+3', /target out of reach: 3 is not a multiple of 2/],
    ['fence q, w', /expected a set out of "iorw", got "q"/],
    ['j nowhere', /"nowhere" is not defined/],
    ['li a0, later\nlater: nop', /"later" is not defined/],
    ['here: nop\nhere: nop', /"here" is defined twice/],
    ['.equ A', /\.equ wants a name and a value/],
    ['.byte 256', /256 has more than 8 bits/],
    ['.ascii hello', /expected a string in double quotes, got hello/],
    ['.ascii "open', /expected a closing "/],
    ['.ascii "\\q"', /unknown escape \\q/],
    ['.zero -1', /\.zero would skip -1 bytes/],
    ['.org 0', /\.org would skip -2147483648 bytes/],
    ['.balign 3', /3 is not a power of two/],
    ['.zero', /\.zero wants 1 operand, got 0/],
    ['li a0, 1 +', /expected a value, got the end of the expression/],
    ['li a0, (1', /expected "\)"/],
    ['li a0, 1 2', /unexpected "2" in an expression/],
    ['li a0, @', /expected an expression, got "@"/],
    ['add a0,, a1', /expected an operand between the commas/],
    ['1x: nop', /"1x" is not a label/],
  ];
  for (const [source, message] of cases) assert.match(problemOf(source).message, message, source);
});

layout.run();
directives.run();
expressions.run();
errors.run();
