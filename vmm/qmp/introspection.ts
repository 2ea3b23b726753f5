/**
 * Describes the monitor to its clients, in the form of QEMU's `query-qmp-schema` (QAPI introspection): commands and
 * events by name, and every type that is reached from them, numbered. It is made from the same declarations
 * that arguments are checked by and tests check answers by, so it cannot say anything else than what is there.
 */
import type { Command } from './command.js';
import { type ArgumentType, isUnion, type Members, type UnionType } from './schema.js';

export interface SchemaEntity {
  readonly name: string;
  readonly 'meta-type': 'builtin' | 'enum' | 'array' | 'object' | 'command' | 'event';
  readonly [member: string]: unknown;
}

export interface EventDescription {
  readonly name: string;
  readonly data: Members;
}

const JSON_TYPES = {
  str: 'string',
  int: 'int',
  number: 'number',
  bool: 'boolean',
  any: 'value',
} as const;

export function introspect(
  commands: Iterable<Command>,
  events: Iterable<EventDescription>,
): readonly SchemaEntity[] {
  const types = new Types();
  const described: SchemaEntity[] = [];
  for (const { name, args, returns } of commands) {
    described.push({
      name,
      'meta-type': 'command',
      'arg-type': types.nameOf({ struct: args }),
      'ret-type': types.nameOf(returns ?? { struct: {} }),
    });
  }
  for (const { name, data } of events) {
    described.push({ name, 'meta-type': 'event', 'arg-type': types.nameOf({ struct: data }) });
  }
  return [...described, ...types.all];
}

class Types {
  readonly #byShape = new Map<string, string>();
  readonly all: SchemaEntity[] = [];
  #count = 0;

  /** Equal types have one name. */
  nameOf(type: ArgumentType): string {
    const shape = JSON.stringify(type);
    const known = this.#byShape.get(shape);
    if (known !== undefined) return known;
    const name = this.#describe(type);
    this.#byShape.set(shape, name);
    return name;
  }

  #describe(type: ArgumentType): string {
    if (typeof type === 'string') {
      this.all.push({ name: type, 'meta-type': 'builtin', 'json-type': JSON_TYPES[type] });
      return type;
    }
    if ('array' in type) {
      const element = this.nameOf(type.array);
      this.all.push({ name: `[${element}]`, 'meta-type': 'array', 'element-type': element });
      return `[${element}]`;
    }
    const name = String(this.#count++);
    if ('enum' in type) {
      const members = type.enum.map((value) => ({ name: value }));
      this.all.push({ name, 'meta-type': 'enum', members, values: [...type.enum] });
    } else if ('struct' in type) {
      this.all.push({ name, 'meta-type': 'object', members: this.#members(type.struct) });
    } else {
      this.#union(name, type);
    }
    return name;
  }

  #members(members: Members): readonly object[] {
    return Object.entries(members).map(([name, { type, optional }]) => ({
      name,
      type: this.nameOf(type),
      ...(optional ? { default: null } : {}),
    }));
  }

  #union(name: string, { tag, variants }: UnionType): void {
    const cases = Object.entries(variants);
    const members = [{ name: tag, type: this.nameOf({ enum: cases.map(([value]) => value) }) }];
    const described = cases.map(([value, variant]) => ({
      case: value,
      type: this.nameOf(isUnion(variant) ? variant : { struct: variant }),
    }));
    this.all.push({ name, 'meta-type': 'object', members, tag, variants: described });
  }
}
