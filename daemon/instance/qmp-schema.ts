/**
 * Reads the answer to `query-qmp-schema`: which commands there are, what they take, and what an enum of theirs
 * allows. The types in it are numbered anew in each build, so everything is found from a command's name on.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';

interface Member {
  readonly name: string;
  readonly type: string;
}

type Entity = Readonly<Record<string, unknown>>;

export class QmpSchema {
  readonly #byName = new Map<string, Entity>();

  /** `answer` is what the VMM returned; it is not trusted. */
  constructor(answer: unknown) {
    if (!Array.isArray(answer)) throw new Error('expected query-qmp-schema to return an array');
    for (const entity of answer) {
      if (isRecord(entity) && typeof entity.name === 'string') this.#byName.set(entity.name, entity);
    }
  }

  hasCommand(name: string): boolean {
    return this.#byName.get(name)?.['meta-type'] === 'command';
  }

  /** Names of the arguments; none for a command that is not there. */
  argumentsOf(command: string): readonly string[] {
    return this.#members(this.#argumentType(command)).map(({ name }) => name);
  }

  /**
   * The values of the enum that is reached from a command by member names, through arrays: `valuesAt('migrate',
   * 'channels', 'channel-type')`. None when the way ends before.
   */
  valuesAt(command: string, ...path: readonly string[]): readonly string[] {
    let type = this.#argumentType(command);
    for (const step of path) {
      type = this.#elementType(this.#members(type).find(({ name }) => name === step)?.type ?? '');
    }
    const values = this.#byName.get(type)?.values;
    return Array.isArray(values) ? values.filter((value) => typeof value === 'string') : [];
  }

  /** The cases of a command whose argument is a union: for `object-add`, the types of object there are. */
  casesOf(command: string): readonly string[] {
    const variants = this.#byName.get(this.#argumentType(command))?.variants;
    if (!Array.isArray(variants)) return [];
    return variants.filter(isRecord).flatMap(({ case: name }) => (typeof name === 'string' ? [name] : []));
  }

  #argumentType(command: string): string {
    const type = this.hasCommand(command) ? this.#byName.get(command)?.['arg-type'] : undefined;
    return typeof type === 'string' ? type : '';
  }

  #elementType(type: string): string {
    const element = this.#byName.get(type)?.['element-type'];
    return typeof element === 'string' ? element : type;
  }

  #members(type: string): readonly Member[] {
    const members = this.#byName.get(type)?.members;
    if (!Array.isArray(members)) return [];
    return members.filter(
      (member): member is Member =>
        isRecord(member) && typeof member.name === 'string' && typeof member.type === 'string',
    );
  }
}
