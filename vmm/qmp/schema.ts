/**
 * Types of command arguments, answers and events, as data. Arguments are checked by them before a command runs,
 * and introspection shows them.
 * Complaints are worded as QEMU's, with the path of the member (`channels[0].addr.path`).
 */
import { QmpError } from './error.js';
import { isRecord } from './protocol.js';

type Scalar = 'str' | 'int' | 'number' | 'bool' | 'any';

export type ArgumentType =
  | Scalar
  | { readonly enum: readonly string[] }
  | { readonly array: ArgumentType }
  | { readonly struct: Members }
  | UnionType;

/** An object whose other members depend on the value of member `tag`. */
export interface UnionType {
  readonly tag: string;
  readonly variants: Readonly<Record<string, Members | UnionType>>;
}

export interface Member {
  readonly type: ArgumentType;
  readonly optional?: true;
}

export type Members = Readonly<Record<string, Member>>;

type ValueOf<T> = T extends 'str'
  ? string
  : T extends 'int' | 'number'
    ? number
    : T extends 'bool'
      ? boolean
      : T extends { readonly enum: infer E extends readonly string[] }
        ? E[number]
        : T extends { readonly array: infer I }
          ? readonly ValueOf<I>[]
          : T extends { readonly struct: infer M extends Members }
            ? ArgumentsOf<M>
            : unknown;

/** The TypeScript type of arguments that passed `checkMembers`. */
export type ArgumentsOf<M extends Members> = {
  readonly [K in keyof M as M[K] extends { readonly optional: true } ? never : K]: ValueOf<M[K]['type']>;
} & {
  readonly [K in keyof M as M[K] extends { readonly optional: true } ? K : never]?: ValueOf<M[K]['type']>;
};

/** Checks an object against its members. Throws `QmpError`; unknown members are refused. */
export function checkMembers(given: Readonly<Record<string, unknown>>, members: Members, path = ''): void {
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(members, key)) throw new QmpError(`Parameter '${path}${key}' is unexpected`);
  }
  for (const [key, member] of Object.entries(members)) {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    if (value !== undefined) checkValue(value, member.type, path + key);
    else if (member.optional !== true) throw new QmpError(`Parameter '${path}${key}' is missing`);
  }
}

/** Checks a value against its type. Throws `QmpError`. */
export function checkValue(value: unknown, type: ArgumentType, path: string): void {
  if (typeof type === 'string') {
    checkScalar(value, type, path);
  } else if ('enum' in type) {
    if (typeof value !== 'string') throw wrongType(path, 'string');
    if (!type.enum.includes(value)) throw notAccepted(path, value);
  } else if ('array' in type) {
    if (!Array.isArray(value)) throw wrongType(path, 'array');
    for (const [index, element] of value.entries()) checkValue(element, type.array, `${path}[${index}]`);
  } else {
    if (!isRecord(value)) throw wrongType(path, 'object');
    if ('struct' in type) checkMembers(value, type.struct, `${path}.`);
    else checkUnion(value, type, {}, path);
  }
}

function checkScalar(value: unknown, type: Scalar, path: string): void {
  if (type === 'str' && typeof value !== 'string') throw wrongType(path, 'string');
  if (type === 'int' && !Number.isSafeInteger(value)) throw wrongType(path, 'integer');
  if (type === 'number' && typeof value !== 'number') throw wrongType(path, 'number');
  if (type === 'number' && typeof value !== 'number') throw wrongType(path, 'number');
  if (type === 'bool' && typeof value !== 'boolean') throw wrongType(path, 'boolean');
}

function checkUnion(
  value: Readonly<Record<string, unknown>>,
  type: UnionType,
  outer: Members,
  path: string,
): void {
  const tag = Object.hasOwn(value, type.tag) ? value[type.tag] : undefined;
  if (tag === undefined) throw new QmpError(`Parameter '${path}.${type.tag}' is missing`);
  if (typeof tag !== 'string') throw wrongType(`${path}.${type.tag}`, 'string');
  const variant = Object.hasOwn(type.variants, tag) ? type.variants[tag] : undefined;
  if (variant === undefined) throw notAccepted(`${path}.${type.tag}`, tag);
  const members: Members = { ...outer, [type.tag]: { type: 'str' } };
  if (isUnion(variant)) checkUnion(value, variant, members, path);
  else checkMembers(value, { ...members, ...variant }, `${path}.`);
}

export function isUnion(type: Members | UnionType): type is UnionType {
  return typeof type.tag === 'string';
}

function wrongType(path: string, expected: string): QmpError {
  return new QmpError(`Invalid parameter type for '${path}', expected: ${expected}`);
}

/** Here QEMU names the member without its path. */
function notAccepted(path: string, value: string): QmpError {
  const name = path.slice(path.lastIndexOf('.') + 1);
  return new QmpError(`Parameter '${name}' does not accept value '${value}'`);
}
