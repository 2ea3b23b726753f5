/**
 * Constant expressions of the assembler: C's integer operators and precedence over 64-bit values, symbols, `.`,
 * character literals, `%hi(…)` and `%lo(…)`. A value wraps to 64 bits, signed, as the machine's registers do.
 */
export interface Scope {
  /** The value of `.`: the address of the statement. */
  readonly here: bigint;
  readonly symbols: ReadonlyMap<string, bigint>;
}

const TOKEN =
  /\s*(0[xX][0-9a-fA-F_]+|0[bB][01_]+|\d[\d_]*|'(?:\\.|[^\\'])'|%?[A-Za-z_.$][\w.$]*|<<|>>|[-+*/%&|^~()])/y;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, 0: 0, '\\': 92, "'": 39, '"': 34 };
const PRECEDENCE: Readonly<Record<string, number>> = {
  '|': 1,
  '^': 2,
  '&': 3,
  '<<': 4,
  '>>': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`expected an expression, got "${text.slice(at).trim()}"`);
    tokens.push(match[1] as string);
  }
  return tokens;
}

/** The byte of a character escape such as the `n` of `\n`. */
export function escapedByte(letter: string): number {
  const value = ESCAPES[letter];
  if (value === undefined) throw new Error(`unknown escape \\${letter}`);
  return value;
}

function literal(token: string): bigint {
  if (!token.startsWith("'")) return BigInt(token.replaceAll('_', ''));
  return BigInt(token[1] === '\\' ? escapedByte(token[2] as string) : (token.codePointAt(1) as number));
}

function apply(operator: string, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '&':
      return left & right;
    case '<<':
      return left << right;
    case '>>':
      return left >> right;
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    default:
      return left % right;
  }
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #scope: Scope;
  #at = 0;

  constructor(tokens: readonly string[], scope: Scope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  whole(): bigint {
    const value = this.#binary(1);
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new Error(`unexpected "${rest}" in an expression`);
    return BigInt.asIntN(64, value);
  }

  #binary(least: number): bigint {
    let left = this.#unary();
    for (;;) {
      const operator = this.#tokens[this.#at] ?? '';
      const precedence = PRECEDENCE[operator];
      if (precedence === undefined || precedence < least) return left;
      this.#at += 1;
      left = apply(operator, left, this.#binary(precedence + 1));
    }
  }

  #unary(): bigint {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error('expected a value, got the end of the expression');
    if (token === '-') return -this.#unary();
    if (token === '+') return this.#unary();
    if (token === '~') return ~this.#unary();
    if (token === '(') return this.#parenthesized();
    if (token === '%hi') return ((this.#argument() + 0x800n) >> 12n) & 0xfffffn;
    if (token === '%lo') return BigInt.asIntN(12, this.#argument());
    if (/^[\d']/.test(token)) return literal(token);
    if (token === '.') return this.#scope.here;
    const value = this.#scope.symbols.get(token);
    if (value === undefined) throw new Error(`"${token}" is not defined`);
    return value;
  }

  #argument(): bigint {
    if (this.#tokens[this.#at++] !== '(') throw new Error('expected "(" after %hi or %lo');
    return BigInt.asIntN(64, this.#parenthesized());
  }

  #parenthesized(): bigint {
    const value = this.#binary(1);
    if (this.#tokens[this.#at++] !== ')') throw new Error('expected ")"');
    return value;
  }
}

/** Evaluates to a signed 64-bit value; throws an Error that names what could not be understood. */
export function evaluate(text: string, scope: Scope): bigint {
  return new Parser(tokenize(text), scope).whole();
}
