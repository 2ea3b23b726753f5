/**
 * From text to statements: comments (`#`, `//`), `;` between statements, labels, and numeric labels (`1:`, `1b`,
 * `1f`), which become names of their own here so that nothing after needs to know of them.
 */
import { AssemblyError } from './error.js';

export interface Statement {
  readonly line: number;
  readonly text: string;
  readonly labels: readonly string[];
  /** Mnemonic or directive; empty for a line with labels only. */
  readonly name: string;
  readonly operands: readonly string[];
}

/** Splits at `separator` wherever it is outside quotes and parentheses; the rest from a comment on is dropped. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quote = '';
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (quote !== '') {
      part += char;
      if (char === '\\') part += text[++i] ?? '';
      else if (char === quote) quote = '';
      continue;
    }
    if (char === '#' || text.startsWith('//', i)) break;
    if (char === '"' || char === "'") quote = char;
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === separator && depth === 0) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  if (quote !== '') throw new Error(`expected a closing ${quote}`);
  return [...parts, part].map((each) => each.trim());
}

/** Numeric labels get a count behind a `$`: the second `1:` is `1$2`, and after it `1b` is `1$2`, `1f` is `1$3`. */
class NumericLabels {
  readonly #counts = new Map<string, number>();

  define(digits: string): string {
    const count = (this.#counts.get(digits) ?? 0) + 1;
    this.#counts.set(digits, count);
    return `.L${digits}$${count}`;
  }

  resolve(operand: string): string {
    if (operand.includes('"')) return operand;
    return operand.replace(/(?<![\w.$'])(\d+)([bf])(?![\w.$])/g, (_, digits: string, direction: string) => {
      const count = this.#counts.get(digits) ?? 0;
      return `.L${digits}$${direction === 'b' ? count : count + 1}`;
    });
  }
}

function parseStatement(text: string, line: number, numeric: NumericLabels): Statement {
  const labels: string[] = [];
  let rest = text;
  for (let match = /^([\w.$]+)\s*:\s*/.exec(rest); match !== null; match = /^([\w.$]+)\s*:\s*/.exec(rest)) {
    const label = match[1] as string;
    if (/^\d+$/.test(label)) labels.push(numeric.define(label));
    else if (/^\d/.test(label)) throw new Error(`"${label}" is not a label`);
    else labels.push(label);
    rest = rest.slice(match[0].length);
  }
  const [, name = '', tail = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  const operands = tail === '' ? [] : splitOutsideQuotes(tail, ',').map((each) => numeric.resolve(each));
  if (operands.includes('')) throw new Error('expected an operand between the commas');
  return { line, text, labels, name, operands };
}

export function parseSource(source: string): Statement[] {
  const numeric = new NumericLabels();
  const statements: Statement[] = [];
  source.split('\n').forEach((text, index) => {
    try {
      for (const part of splitOutsideQuotes(text, ';')) {
        if (part !== '') statements.push(parseStatement(part, index + 1, numeric));
      }
    } catch (error) {
      throw new AssemblyError(index + 1, text, (error as Error).message);
    }
  });
  return statements;
}
