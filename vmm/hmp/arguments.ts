/** Reads the arguments of a line of the human monitor, and complains in the words that QEMU uses. Pure. */
import { type HmpArgument, type HmpCommand, HmpValues } from './command.js';

/** The line cannot be done: the message is what is printed. */
export class HmpUsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HmpUsageError';
  }
}

/** `name` is how the command was reached, such as `info status`; complaints begin with all names that it has. */
export function readArguments(
  name: string,
  { args, names }: Pick<HmpCommand, 'args' | 'names'>,
  text: string,
): HmpValues {
  const values = new Map<string, string | boolean>();
  const flags = args.filter((argument) => argument.kind === 'flag');
  const label = names.join('|');
  const reader = new WordReader(text);
  const wrong = (what: string) => new HmpUsageError(`${what}\nTry "help ${name}" for more information`);
  for (let flag = reader.flag(); flag !== null; flag = reader.flag()) {
    const known = flags.find(({ letter }) => letter === flag);
    if (known === undefined) throw wrong(`${label}: unsupported option -${flag}`);
    values.set(known.name, true);
  }
  for (const argument of args) {
    if (argument.kind === 'flag') continue;
    const value = argument.kind === 'rest' ? reader.rest() : reader.word();
    if (value === null) {
      if ('optional' in argument && argument.optional) continue;
      throw wrong(argument.kind === 'bool' ? "Expected 'on' or 'off'" : `${label}: string expected`);
    }
    values.set(argument.name, convert(argument, value, wrong));
  }
  if (reader.rest() !== null) throw wrong(`${label}: extraneous characters at the end of line`);
  return new HmpValues(values);
}

function convert(
  { kind }: HmpArgument,
  value: string,
  wrong: (what: string) => HmpUsageError,
): string | boolean {
  if (kind === 'number') {
    const stray = /[^0-9]/.exec(value)?.[0];
    if (stray !== undefined) throw wrong(`invalid char '${stray}' in expression`);
  }
  if (kind !== 'bool') return value;
  if (value !== 'on' && value !== 'off') throw wrong("Expected 'on' or 'off'");
  return value === 'on';
}

/** For commands that take a number. Throws `HmpUsageError`. */
export function readWholeNumber(text: string): number {
  const stray = /[^0-9]/.exec(text)?.[0];
  if (stray !== undefined) throw new HmpUsageError(`invalid char '${stray}' in expression`);
  return Number(text);
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r' };

class WordReader {
  #left: string;

  constructor(text: string) {
    this.#left = text.trim();
  }

  /** The letter of a flag that comes next. Only before the first argument. */
  flag(): string | null {
    const [found, letter] = /^-(\S)(?:\s+|$)/.exec(this.#left) ?? [];
    if (found === undefined || letter === undefined) return null;
    this.#left = this.#left.slice(found.length);
    return letter;
  }

  word(): string | null {
    if (this.#left === '') return null;
    const [found = this.#left, quoted, plain] = /^(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*/s.exec(this.#left) ?? [];
    this.#left = this.#left.slice(found.length);
    return quoted === undefined
      ? (plain ?? '')
      : quoted.replace(/\\(.)/gs, (_, character: string) => ESCAPED[character] ?? character);
  }

  rest(): string | null {
    const rest = this.#left;
    this.#left = '';
    return rest === '' ? null : rest;
  }
}
