/**
 * The answer to `query-qmp-schema`, from the same declarations that requests are checked by, so it cannot say what
 * is not so. As in QEMU, types other than the built-in ones have numbers for names, and equal types are one.
 */
import type { Command } from './command.js';
import { MIGRATION_STATUSES } from './protocol.js';
import type { ArgumentType, Members, UnionType } from './schema.js';

type SchemaInfo = Readonly<Record<string, unknown>>;

const BUILT_IN: Readonly<Record<string, string>> = {
  str: 'string',
  int: 'int',
  bool: 'boolean',
  any: 'value',
};

/** What events carry. */
const EVENTS: Readonly<Record<string, Members>> = {
  STOP: {},
  RESUME: {},
  POWERDOWN: {},
  SHUTDOWN: { guest: { type: 'bool' }, reason: { type: 'str' } },
  RESET: { guest: { type: 'bool' }, reason: { type: 'str' } },
  MIGRATION: { status: { type: { enum: MIGRATION_STATUSES } } },
  MIGRATION_PASS: { pass: { type: 'int' } },
};

export function describeInterface(commands: Iterable<Command>): SchemaInfo[] {
  const types = new TypeTable();
  const entities: SchemaInfo[] = [];
  for (const { name, args, returns } of commands) {
    const result = returns === undefined ? 'any' : types.nameOf(returns);
    entities.push({
      ...{ name, 'meta-type': 'command', 'arg-type': types.nameOf({ struct: args }) },
      ...{ 'ret-type': result, 'allow-oob': false },
    });
  }
  for (const [name, members] of Object.entries(EVENTS)) {
    entities.push({ name, 'meta-type': 'event', 'arg-type': types.nameOf({ struct: members }) });
  }
  return [...entities, ...types.list()];
}

class TypeTable {
  readonly #names = new Map<string, string>();
  readonly #types: SchemaInfo[] = [];

  constructor() {
    for (const [name, json] of Object.entries(BUILT_IN)) {
      this.#types.push({ name, 'meta-type': 'builtin', 'json-type': json });
    }
  }

  list(): readonly SchemaInfo[] {
    return this.#types;
  }

  nameOf(type: ArgumentType): string {
    if (typeof type === 'string') return type;
    if ('array' in type) {
      const element = this.nameOf(type.array);
      return this.#add({ 'meta-type': 'array', 'element-type': element }, `[${element}]`);
    }
    if ('enum' in type) {
      const members = type.enum.map((name) => ({ name }));
      return this.#add({ 'meta-type': 'enum', values: type.enum, members });
    }
    if ('struct' in type) return this.#add({ 'meta-type': 'object', members: this.#members(type.struct) });
    return this.#union(type, {});
  }

  #members(members: Members): SchemaInfo[] {
    return Object.entries(members).map(([name, { type, optional }]) => {
      const described = { name, type: this.nameOf(type) };
      return optional ? { ...described, default: null } : described;
    });
  }

  #union({ tag, variants }: UnionType, outer: Members): string {
    const cases = Object.keys(variants);
    const members = this.#members({ ...outer, [tag]: { type: { enum: cases } } });
    const described = Object.entries(variants).map(([name, variant]) => ({
      case: name,
      type: isUnion(variant) ? this.#union(variant, {}) : this.nameOf({ struct: variant }),
    }));
    return this.#add({ 'meta-type': 'object', members, tag, variants: described });
  }

  #add(info: SchemaInfo, name?: string): string {
    const key = JSON.stringify(info);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const chosen = name ?? String(this.#names.size);
    this.#names.set(key, chosen);
    this.#types.push({ name: chosen, ...info });
    return chosen;
  }
}

function isUnion(variant: Members | UnionType): variant is UnionType {
  return typeof variant.tag === 'string';
}
