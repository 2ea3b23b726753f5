/**
 * JSON as QEMU's monitor prints it: one line, a space after colons and commas, ASCII only. Integers may
 * be `bigint`. Members that are `undefined` are left out.
 */
import { isRecord } from './protocol.js';

const NOT_ASCII = /[\u007f-\uffff]/g;

/** `indent`: spaces per level for people; 0 for one line. */
export function renderJson(value: unknown, indent = 0): string {
  return render(value, indent, 0);
}

function render(value: unknown, indent: number, depth: number): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return renderString(value);
  if (Array.isArray(value)) {
    return wrap(
      '[',
      ']',
      value.map((element) => render(element, indent, depth + 1)),
      indent,
      depth,
    );
  }
  if (isRecord(value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => `${renderString(key)}: ${render(member, indent, depth + 1)}`);
    return wrap('{', '}', members, indent, depth);
  }
  return JSON.stringify(value) ?? 'null';
}

function wrap(open: string, close: string, parts: readonly string[], indent: number, depth: number): string {
  if (indent === 0 || parts.length === 0) return open + parts.join(', ') + close;
  const newline = `\n${' '.repeat(indent * (depth + 1))}`;
  return `${open}${newline}${parts.join(`,${newline}`)}\n${' '.repeat(indent * depth)}${close}`;
}

function renderString(text: string): string {
  return JSON.stringify(text).replace(
    NOT_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
