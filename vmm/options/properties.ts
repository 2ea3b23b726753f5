/**
 * Reads the properties of one option: each is taken by name and checked; what was not taken when `end` is
 * called is unknown and refused by name.
 */
import { OptionError } from './error.js';
import type { Pairs } from './keyval.js';
import { parsePairs } from './keyval.js';
import { parseSize } from './size.js';

export class Properties {
  readonly #option: string;
  readonly #pairs: Pairs;
  readonly #taken = new Set<string>();

  constructor(option: string, text: string, impliedKey: string | null) {
    this.#option = option;
    this.#pairs = parsePairs(option, text, impliedKey);
  }

  error(reason: string): OptionError {
    return new OptionError(this.#option, reason);
  }

  string(name: string): string | null {
    this.#taken.add(name);
    return this.#pairs.get(name) ?? null;
  }

  requiredString(name: string): string {
    const value = this.string(name);
    if (value === null || value === '') throw this.error(`parameter '${name}' is missing`);
    return value;
  }

  bool(name: string, otherwise: boolean): boolean {
    const value = this.string(name);
    if (value === null) return otherwise;
    if (value === 'on' || value === 'yes' || value === 'true' || value === 'y') return true;
    if (value === 'off' || value === 'no' || value === 'false' || value === 'n') return false;
    throw this.error(`parameter '${name}' expects 'on' or 'off', got '${value}'`);
  }

  size(name: string, defaultUnit: 'b' | 'm'): number | null {
    const value = this.string(name);
    if (value === null) return null;
    const bytes = parseSize(value, defaultUnit);
    if (bytes !== null) return bytes;
    throw this.error(`parameter '${name}' expects a size such as 512M or 2G, got '${value}'`);
  }

  integer(name: string, otherwise: number, range: { min: number; max: number }): number {
    const value = this.string(name);
    if (value === null) return otherwise;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= range.min && number <= range.max) return number;
    throw this.error(`parameter '${name}' expects ${range.min} to ${range.max}, got '${value}'`);
  }

  /** Takes `name` and accepts nothing but `values`: what QEMU lets one say but we have only one of. */
  only(name: string, ...values: readonly string[]): void {
    this.oneOf(name, ...values);
  }

  /** One of a few words; null when it is not given. */
  oneOf<const Word extends string>(name: string, ...values: readonly Word[]): Word | null {
    const value = this.string(name);
    const found = values.find((word) => word === value);
    if (value === null || found !== undefined) return found ?? null;
    throw this.error(`parameter '${name}' supports only '${values.join("', '")}', got '${value}'`);
  }

  /** Refuses everything that was given and not taken. */
  end(): void {
    for (const name of this.#pairs.keys()) {
      if (!this.#taken.has(name)) throw this.error(`unknown parameter '${name}'`);
    }
  }
}
