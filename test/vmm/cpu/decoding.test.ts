/**
 * Which words are instructions: all 16-bit ones, and random 32-bit ones of every opcode, are run to see whether the
 * core finds them illegal. What is legal is taken from the assembler's tables and, for the compressed ones, from the
 * reserved encodings that the manual lists.
 *
 * Each word is put into a slot amid c.ebreak, with all registers pointing to where there is no memory: so a legal one
 * ends in a breakpoint or an access fault, an illegal one in cause 2.
 */
import { suite } from 'uvu';
import { INSTRUCTIONS } from '../../asm/instructions.js';
import { OPERANDS } from '../../asm/operands.js';
import { skipSuite } from '../../helpers/skip.js';
import { FREE_ADDRESS } from './program.js';
import { Random } from './random.js';
import { ON_QEMU, runProgram } from './run-program.js';

const ILLEGAL = 2n;
const RANDOM_WORDS_PER_OPCODE = 300;
/** Farther than a branch reaches. */
const PADDING_BYTES = 4096;
const NOWHERE = 0x60000;
const CONTEXT = FREE_ADDRESS + 0x3000;

/** Runs every word and returns the causes of the traps that end them. */
function causesOf(words: readonly number[], sizeBytes: 2 | 4): readonly bigint[] {
  const halves = (count: number) => '.half 0x9002\n'.repeat(count);
  const everyRegister = Array.from({ length: 30 }, (_, i) => `li x${i + 2}, ${NOWHERE}`).join('\n');
  const { records } = runProgram(`
    li t0, 0x6000
    csrs mstatus, t0
    li t0, ${CONTEXT}
    la t1, words
    sd t1, 0(t0)                # next word
    sd s11, 8(t0)               # next record
    csrw mscratch, t0
    la t1, ended
    csrw mtvec, t1
    j next
    .align 2
  ended:
    csrrw x1, mscratch, x1
    csrw mscratch, x1
    ld s11, 8(x1)
    csrr t0, mcause
    sd t0, 0(s11)
    addi s11, s11, 8
    sd s11, 8(x1)
  next:
    csrr x1, mscratch
    ld t0, 0(x1)
    la t1, words_end
    ld s11, 8(x1)
    bltu t0, t1, 1f
    j exit
  1: lhu t2, 0(t0)
    lhu t3, ${sizeBytes - 2}(t0)
    addi t0, t0, ${sizeBytes}
    sd t0, 0(x1)
    la t4, slot
    sh t3, ${sizeBytes - 2}(t4)
    sh t2, 0(t4)
    fence.i
    csrw mepc, t4
    li t0, 0x1800
    csrs mstatus, t0
    fscsr zero
    li x1, ${NOWHERE}
    ${everyRegister}
    mret
    ${halves(PADDING_BYTES / 2)}
  slot:
    ${halves(PADDING_BYTES / 2)}
    .align 2
  words:
    ${words.map((word) => `${sizeBytes === 2 ? '.half' : '.word'} ${word}`).join('\n')}
  words_end:
  `);
  return records;
}

/** Throws an error that lists the words for which core and table do not agree. */
function compare(words: readonly number[], sizeBytes: 2 | 4, isLegal: (word: number) => boolean): void {
  const causes = causesOf(words, sizeBytes);
  if (causes.length !== words.length)
    throw new Error(`expected ${words.length} causes, got ${causes.length}`);
  const wrong = words.flatMap((word, index) => {
    const legal = isLegal(word);
    if (legal === (causes[index] !== ILLEGAL)) return [];
    return [
      `0x${word.toString(16)}: ${legal ? 'legal' : 'illegal'} by the tables, ended with cause ${causes[index]}`,
    ];
  });
  if (wrong.length > 0)
    throw new Error(`${wrong.length} of ${words.length} wrong\n${wrong.slice(0, 30).join('\n')}`);
}

function isLegalCompressed(half: number): boolean {
  const field = (high: number, low: number) => (half >> low) & ((1 << (high - low + 1)) - 1);
  const rd = field(11, 7);
  const rs2 = field(6, 2);
  const immediate = (field(12, 12) << 5) | rs2;
  switch (`${field(1, 0)}.${field(15, 13)}`) {
    case '0.0':
      return field(12, 5) !== 0;
    case '0.4':
      return false;
    case '1.1':
      return rd !== 0;
    case '1.3':
      return immediate !== 0;
    case '1.4':
      return !(field(11, 10) === 3 && field(12, 12) === 1 && field(6, 5) >= 2);
    case '2.2':
    case '2.3':
      return rd !== 0;
    case '2.4':
      return half !== 0x8002;
    default:
      return true;
  }
}

/** An operand of each kind with every bit of its field set. */
const FULL_OPERANDS: Readonly<Record<string, string>> = {
  rd: 'x31',
  rs1: 'x31',
  rs2: 'x31',
  frd: 'f31',
  frs1: 'f31',
  frs2: 'f31',
  frs3: 'f31',
  i: '-1',
  u: '0xfffff',
  shamt5: '31',
  shamt6: '63',
  uimm5: '31',
  csr: '0xfff',
  rm: 'dyn',
  load: '-1(x31)',
  store: '-1(x31)',
  base: '(x31)',
  branch: '-2',
  jump: '-2',
};

interface Pattern {
  readonly fixedBits: number;
  readonly freeBits: number;
  readonly rounded: boolean;
}

const PATTERNS: readonly Pattern[] = [...INSTRUCTIONS]
  .filter(([name]) => !name.startsWith('fence'))
  .map(([, { fixedBits, operands }]) => {
    const scope = { here: 0n, pc: 0n, symbols: new Map() };
    const freeBits = operands.reduce((bits, kind) => {
      return bits | (OPERANDS[kind]?.(FULL_OPERANDS[kind] as string, scope) as number);
    }, 0);
    return { fixedBits, freeBits, rounded: operands.includes('rm') };
  });

function isLegalWord(word: number): boolean {
  // Other fields of fences are for future use, and ignored.
  if ((word & 0x7f) === 0x0f) return ((word >> 12) & 7) <= 1;
  return PATTERNS.some(({ fixedBits, freeBits, rounded }) => {
    if (((word ^ fixedBits) & ~freeBits) !== 0) return false;
    return !rounded || ![5, 6].includes((word >> 12) & 7);
  });
}

/** Words that leave the slot for good, or that the core's host would have to answer. */
function canBeTried(word: number): boolean {
  const opcode = word & 0x7f;
  const isReturnOrWait = [0x30200073, 0x10200073, 0x10500073].includes(word);
  const isCsr = opcode === 0x73 && ((word >> 12) & 3) !== 0;
  return opcode !== 0x6f && opcode !== 0x63 && !isReturnOrWait && !isCsr;
}

/** Random words of one opcode; half of them with few bits set in the upper field, where most functions are. */
function randomWords(opcode: number, random: Random): number[] {
  const words = Array.from({ length: RANDOM_WORDS_PER_OPCODE }, (_, index) => {
    const bits = Number(random.bits() & 0xffffffffn);
    const upper =
      index % 2 === 0
        ? bits
        : bits & random.pick([0x01ffffff, 0x41ffffff, 0x03ffffff, 0xf9ffffff, 0xf80fffff]);
    return ((upper & 0xffffff80) | opcode) >>> 0;
  });
  return words.filter(canBeTried);
}

if (ON_QEMU) {
  skipSuite('decoding', 'QEMU has extensions that our tables do not list');
} else {
  const test = suite('decoding');

  test('every compressed word is legal or illegal as the manual says', () => {
    const halves = Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => (half & 3) !== 3);
    // c.j and branches to themselves would not end.
    const endless = (half: number) => half === 0xa001 || [0xc001, 0xe001].includes(half & 0xfc7f);
    const tried = halves.filter((half) => !endless(half));
    for (let at = 0; at < tried.length; at += 16384)
      compare(tried.slice(at, at + 16384), 2, isLegalCompressed);
  });

  test('random words of every opcode are legal or illegal as the tables say', () => {
    const random = new Random(9);
    const opcodes = Array.from({ length: 32 }, (_, index) => (index << 2) | 3);
    compare(
      opcodes.flatMap((opcode) => randomWords(opcode, random)),
      4,
      isLegalWord,
    );
  });

  test('every function code of the computing opcodes is legal or illegal as the tables say', () => {
    const operands = (10 << 7) | (11 << 15) | (1 << 20);
    const words = [0x13, 0x1b, 0x33, 0x3b, 0x2f, 0x53, 0x03, 0x23, 0x07, 0x27].flatMap((opcode) =>
      Array.from(
        { length: 1024 },
        (_, code) => (((code >> 3) << 25) | ((code & 7) << 12) | operands | opcode) >>> 0,
      ),
    );
    compare(words, 4, isLegalWord);
  });

  test.run();
}
