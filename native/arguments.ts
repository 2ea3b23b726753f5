/** Checks of arguments before they cross into C++. Each says what it expected, by name, and what it got. */

const MAX_INT32 = 2 ** 31 - 1;

export function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const error = typeof value === 'number' ? RangeError : TypeError;
  throw new error(`expected ${name} to be an integer from ${min} to ${max}, got ${describe(value)}`);
}

export function requireFd(name: string, value: number): void {
  requireInteger(name, value, 0, MAX_INT32);
}

export function requireFds(name: string, values: readonly number[], max: number): void {
  if (!Array.isArray(values)) {
    throw new TypeError(`expected ${name} to be an array of descriptors, got ${describe(values)}`);
  }
  if (values.length > max) {
    throw new RangeError(`expected ${name} to have at most ${max} descriptors, got ${values.length}`);
  }
  for (const [index, fd] of values.entries()) requireFd(`${name}[${index}]`, fd);
}

export function requireText(name: string, value: string): void {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new TypeError(`expected ${name} to be a string without NUL characters, got ${describe(value)}`);
  }
}

export function requirePath(name: string, value: string): void {
  requireText(name, value);
  if (value.length === 0) throw new TypeError(`expected ${name} to be a path, got an empty string`);
}

export function requireTexts(name: string, values: readonly string[]): void {
  if (!Array.isArray(values)) {
    throw new TypeError(`expected ${name} to be an array of strings, got ${describe(values)}`);
  }
  for (const [index, value] of values.entries()) requireText(`${name}[${index}]`, value);
}

export function requireBytes(name: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`expected ${name} to be a Uint8Array, got ${describe(value)}`);
  }
  if (value.length === 0) throw new RangeError(`expected ${name} to have at least one byte, got none`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'an object';
  return `${String(value)} (${typeof value})`;
}
