/**
 * A small two-pass RISC-V assembler with the GNU syntax: RV64IMAFDC, Zicsr, Zifencei and the privileged
 * instructions; compressed forms only where the source writes `c.…`. The first pass expands pseudo-instructions
 * and gives every statement its address, the second encodes. So what decides a size (`li`, `.equ`, `.zero`,
 * `.org`, `.align`) may only use symbols that are defined above it; all else may use any.
 */
import { COMPRESSED } from './compressed.js';
import { directiveSize, emitDirective } from './directives.js';
import { AssemblyError } from './error.js';
import { evaluate } from './expression.js';
import { INSTRUCTIONS, type Instruction } from './instructions.js';
import { OPERANDS, type Operand, type OperandScope } from './operands.js';
import { expandPseudo, loadConstant } from './pseudo.js';
import { parseSource, type Statement } from './source.js';

export interface Assembled {
  readonly bytes: Uint8Array;
  /** Labels and `.equ` constants; values are signed 64-bit as in expressions. */
  readonly symbols: Map<string, bigint>;
}

interface Item {
  readonly statement: Statement;
  readonly name: string;
  readonly operands: readonly string[];
  /** Where the statement begins, and where this item of it does. */
  readonly here: bigint;
  readonly pc: bigint;
  readonly sizeBytes: number;
}

function findInstruction(name: string): Instruction | undefined {
  return INSTRUCTIONS.get(name) ?? COMPRESSED.get(name);
}

/** Runs `action`, turning what it throws into an error that names the statement's line. */
function at<T>(statement: Statement, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new AssemblyError(statement.line, statement.text, (error as Error).message);
  }
}

class Layout {
  readonly symbols = new Map<string, bigint>();
  readonly items: Item[] = [];
  #pc: bigint;

  constructor(origin: bigint) {
    this.#pc = origin;
  }

  get end(): bigint {
    return this.#pc;
  }

  add(statement: Statement): void {
    for (const label of statement.labels) this.#define(label, this.#pc);
    const { name, operands } = statement;
    if (name === '') return;
    if (name === '.equ') {
      const [symbol, value] = operands;
      if (symbol === undefined || value === undefined) throw new Error('.equ wants a name and a value');
      this.#define(symbol, evaluate(value, this.#scope()));
      return;
    }
    const size = directiveSize(name, operands, this.#scope());
    if (size !== null) this.#push(statement, name, operands, this.#pc, size);
    else this.#addInstructions(statement);
  }

  #addInstructions(statement: Statement): void {
    const here = this.#pc;
    for (const { name, operands } of this.#expand(statement)) {
      const instruction = findInstruction(name);
      if (instruction === undefined) throw new Error(`"${name}" is not an instruction or directive`);
      this.#push(statement, name, operands, here, instruction.sizeBytes);
    }
  }

  #expand({ name, operands }: Statement): Pick<Statement, 'name' | 'operands'>[] {
    let texts = expandPseudo(name, operands);
    if (name === 'li' && operands.length === 2) {
      texts = loadConstant(operands[0] as string, evaluate(operands[1] as string, this.#scope()));
    }
    return texts === null ? [{ name, operands }] : texts.flatMap((text) => parseSource(text));
  }

  #define(symbol: string, value: bigint): void {
    if (this.symbols.has(symbol)) throw new Error(`"${symbol}" is defined twice`);
    this.symbols.set(symbol, value);
  }

  #scope() {
    return { here: this.#pc, symbols: this.symbols };
  }

  #push(
    statement: Statement,
    name: string,
    operands: readonly string[],
    here: bigint,
    sizeBytes: number,
  ): void {
    this.items.push({ statement, name, operands, here, pc: this.#pc, sizeBytes });
    this.#pc += BigInt(sizeBytes);
  }
}

function encode(instruction: Instruction, item: Item, symbols: ReadonlyMap<string, bigint>): number {
  const { operands: kinds, defaultRounding } = instruction;
  const operands = [...item.operands];
  if (defaultRounding !== undefined && operands.length === kinds.length - 1) operands.push(defaultRounding);
  if (operands.length !== kinds.length) {
    throw new Error(`${item.name} wants ${kinds.length} operands, got ${operands.length}`);
  }
  const scope: OperandScope = { here: item.here, pc: item.pc, symbols };
  return kinds.reduce((word, kind, index) => {
    return (word | (OPERANDS[kind] as Operand)(operands[index] as string, scope)) >>> 0;
  }, instruction.fixedBits);
}

function emit(item: Item, symbols: ReadonlyMap<string, bigint>, view: Uint8Array): void {
  const instruction = findInstruction(item.name);
  if (instruction === undefined) {
    emitDirective(item.name, item.operands, { here: item.here, symbols }, view);
    return;
  }
  const word = encode(instruction, item, symbols);
  for (let byte = 0; byte < instruction.sizeBytes; byte++) view[byte] = word >>> (8 * byte);
}

/** Assembles `source` for the address `origin`; throws `AssemblyError` for the first mistake in it. */
export function assemble(source: string, { origin }: { origin: number | bigint }): Assembled {
  const first = BigInt(origin);
  const layout = new Layout(first);
  for (const statement of parseSource(source)) at(statement, () => layout.add(statement));
  const bytes = new Uint8Array(Number(layout.end - first));
  for (const item of layout.items) {
    const start = Number(item.pc - first);
    at(item.statement, () => emit(item, layout.symbols, bytes.subarray(start, start + item.sizeBytes)));
  }
  return { bytes, symbols: layout.symbols };
}
