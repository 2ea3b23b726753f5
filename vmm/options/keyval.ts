/**
 * QEMU's `key=value,key=value` lists. `,,` is a comma inside a value; the first item may be a value whose
 * key is implied by the option; a later item without `=` is a switch turned on (`server` for `server=on`).
 * An option that starts with `{` is JSON: its members, nested ones joined by dots, give the same list.
 */
import { OptionError } from './error.js';

export type Pairs = ReadonlyMap<string, string>;

export function parsePairs(option: string, text: string, impliedKey: string | null): Pairs {
  const pairs = new Map<string, string>();
  for (const item of text.startsWith('{') ? jsonItems(option, text) : textItems(text, impliedKey)) {
    const [key, value] = item;
    if (key === '') throw new OptionError(option, `expected name=value, got '${text}'`);
    pairs.set(key, value);
  }
  return pairs;
}

function* textItems(text: string, impliedKey: string | null): Generator<readonly [string, string]> {
  let first = true;
  for (const item of splitAtCommas(text)) {
    const equals = item.indexOf('=');
    if (equals >= 0) yield [item.slice(0, equals), item.slice(equals + 1)];
    else if (first && impliedKey !== null) yield [impliedKey, item];
    else yield [item, 'on'];
    first = false;
  }
}

function splitAtCommas(text: string): string[] {
  const items: string[] = [];
  let item = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== ',') {
      item += text[at];
    } else if (text[at + 1] === ',') {
      item += ',';
      at++;
    } else {
      items.push(item);
      item = '';
    }
  }
  items.push(item);
  return items;
}

function jsonItems(option: string, text: string): [string, string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OptionError(option, `invalid JSON: ${(error as Error).message}`);
  }
  return flatten(option, '', value);
}

function flatten(option: string, key: string, value: unknown): [string, string][] {
  if (typeof value === 'boolean') return [[key, value ? 'on' : 'off']];
  if (typeof value === 'string' || typeof value === 'number') return [[key, String(value)]];
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    const prefix = key === '' ? '' : `${key}.`;
    return Object.entries(value).flatMap(([name, member]) => flatten(option, prefix + name, member));
  }
  throw new OptionError(option, `expected a string, number, boolean or object for '${key}'`);
}
