/** Directives: how many bytes each takes, known in the first pass, and what they are, known in the second. */
import { escapedByte, evaluate, type Scope } from './expression.js';

const INTEGER_BYTES: Readonly<Record<string, number>> = {
  '.byte': 1,
  '.half': 2,
  '.2byte': 2,
  '.word': 4,
  '.4byte': 4,
  '.dword': 8,
  '.8byte': 8,
};

/** The address that no section of a program may pass: a typo in `.org` or `.zero` must not fill the memory. */
const MAX_PADDING_BYTES = 256n * 1024n * 1024n;

function text(operand: string): Uint8Array {
  const match = /^"(.*)"$/s.exec(operand);
  if (match === null) throw new Error(`expected a string in double quotes, got ${operand}`);
  const plain = (match[1] as string).replace(/\\(.)/gs, (_, letter: string) =>
    String.fromCharCode(escapedByte(letter)),
  );
  return new TextEncoder().encode(plain);
}

function single(name: string, operands: readonly string[]): string {
  if (operands.length !== 1) throw new Error(`${name} wants 1 operand, got ${operands.length}`);
  return operands[0] as string;
}

function padding(name: string, operands: readonly string[], scope: Scope): bigint {
  const value = evaluate(single(name, operands), scope);
  if (name === '.org') return value - scope.here;
  if (name === '.zero') return value;
  const alignment = name === '.align' ? 1n << value : value;
  if (alignment <= 0n || (alignment & (alignment - 1n)) !== 0n)
    throw new Error(`${value} is not a power of two`);
  return -scope.here & (alignment - 1n);
}

/** Size in bytes, or `null` when `name` is no directive. Symbols in sizes must be defined above. */
export function directiveSize(name: string, operands: readonly string[], scope: Scope): number | null {
  const integer = INTEGER_BYTES[name];
  if (integer !== undefined) return integer * operands.length;
  switch (name) {
    case '.ascii':
      return operands.reduce((sum, each) => sum + text(each).length, 0);
    case '.asciz':
      return operands.reduce((sum, each) => sum + text(each).length + 1, 0);
    case '.zero':
    case '.org':
    case '.align':
    case '.balign': {
      const bytes = padding(name, operands, scope);
      if (bytes < 0n || bytes > MAX_PADDING_BYTES) throw new Error(`${name} would skip ${bytes} bytes`);
      return Number(bytes);
    }
    default:
      return null;
  }
}

/** Writes the directive's bytes to the start of `view`, which is zero and as long as `directiveSize` said. */
export function emitDirective(
  name: string,
  operands: readonly string[],
  scope: Scope,
  view: Uint8Array,
): void {
  const integer = INTEGER_BYTES[name];
  if (integer !== undefined) {
    operands.forEach((operand, index) => {
      const value = evaluate(operand, scope);
      const bits = BigInt(8 * integer);
      if (value < -(1n << (bits - 1n)) || value >= 1n << bits)
        throw new Error(`${value} has more than ${bits} bits`);
      for (let byte = 0; byte < integer; byte++) {
        view[index * integer + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
      }
    });
  } else if (name === '.ascii' || name === '.asciz') {
    let at = 0;
    for (const operand of operands) {
      const bytes = text(operand);
      view.set(bytes, at);
      at += bytes.length + (name === '.asciz' ? 1 : 0);
    }
  }
}
