/**
 * What a guest wrote, from a position on, across the generations that ran it. A generation is read to its end
 * before the next is begun, and its end is known only when it can no longer write: its VMM has ended, or an
 * upgrade from it has committed. A target that was given up has written nothing, so it is passed through.
 * One reader, one `next` at a time; it keeps a position and an open file, and no bytes.
 */
import { existsSync } from 'node:fs';
import { type Instance, instancePaths } from '../instance.js';
import type { Store } from '../store/store.js';
import { GenerationLog } from './generation-log.js';
import type { ConsolePosition } from './position.js';

const READ_BYTES = 64 * 1024;

export type ConsoleChunk =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** On to another generation, or to where the reader asked to begin. */
  | { readonly kind: 'moved'; readonly position: ConsolePosition }
  | { readonly kind: 'nothing-yet' }
  | { readonly kind: 'gone'; readonly first: ConsolePosition }
  /** The position is none that this machine has reached. */
  | { readonly kind: 'not-reached'; readonly last: ConsolePosition }
  | { readonly kind: 'deleted' };

export class ConsoleReader {
  readonly #store: Store;
  readonly #machineId: string;
  #position: ConsolePosition;
  #log: GenerationLog | null = null;

  constructor(store: Store, machineId: string, position: ConsolePosition) {
    this.#store = store;
    this.#machineId = machineId;
    this.#position = position;
  }

  /** Begins `tailBytes` before the newest byte, or as far back as is kept. */
  static async atTail(store: Store, machineId: string, tailBytes: number): Promise<ConsoleReader> {
    return new ConsoleReader(store, machineId, await positionBeforeEnd(store, machineId, tailBytes));
  }

  /** Of the next byte. */
  get position(): ConsolePosition {
    return this.#position;
  }

  /** To be asked once, before the first `next`, about a position that somebody else named. */
  async check(): Promise<ConsoleChunk | null> {
    const { generation, offset } = this.#position;
    const instance = this.#store.instances.byGeneration(this.#machineId, generation);
    const isNext = generation === this.#store.instances.nextGeneration(this.#machineId);
    if (instance === null && isNext && offset === 0) return null;
    if (instance !== null) {
      this.#log = await GenerationLog.open(instancePaths(instance).consoleLog);
      if (this.#log === null && wasRemoved(instance)) return this.#gone();
      const size = (await this.#log?.size()) ?? 0;
      if (offset <= size) return null;
    }
    return { kind: 'not-reached', last: await positionBeforeEnd(this.#store, this.#machineId, 0) };
  }

  async next(): Promise<ConsoleChunk> {
    const { generation, offset } = this.#position;
    const instance = this.#store.instances.byGeneration(this.#machineId, generation);
    if (instance === null) {
      return { kind: this.#store.machines.byId(this.#machineId) === null ? 'deleted' : 'nothing-yet' };
    }
    /* Asked before the read: what is read after the end is all there is. */
    const next = this.#follower(instance);
    this.#log ??= await GenerationLog.open(instancePaths(instance).consoleLog);
    if (this.#log === null && wasRemoved(instance)) return this.#gone();
    const bytes = this.#log === null ? new Uint8Array(0) : await this.#log.read(offset, READ_BYTES);
    if (bytes === null) return this.#gone();
    if (bytes.length > 0) {
      this.#position = { generation, offset: offset + bytes.length };
      return { kind: 'bytes', bytes };
    }
    if (next === null) return { kind: 'nothing-yet' };
    await this.close();
    this.#position = { generation: next.generation, offset: 0 };
    return { kind: 'moved', position: this.#position };
  }

  async close(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    await log?.close();
  }

  /** The instance to go on with, once this one can no longer write. */
  #follower({ generation, state }: Instance): Instance | null {
    const next = this.#store.instances.byGeneration(this.#machineId, generation + 1);
    if (next === null || state === 'gone') return next;
    const current = this.#store.machines.byId(this.#machineId)?.currentGeneration ?? 0;
    return current > generation ? next : null;
  }

  async #gone(): Promise<ConsoleChunk> {
    const first = await positionBeforeEnd(this.#store, this.#machineId, Number.POSITIVE_INFINITY);
    return { kind: 'gone', first };
  }
}

/** Logs of generations long past are removed with their folder; without it there is no saying what was there. */
function wasRemoved(instance: Instance): boolean {
  return instance.state === 'gone' && !existsSync(instance.logsDir);
}

async function positionBeforeEnd(store: Store, machineId: string, bytes: number): Promise<ConsolePosition> {
  const { currentGeneration } = store.machines.byId(machineId) ?? {};
  let position: ConsolePosition = { generation: currentGeneration ?? 1, offset: 0 };
  let wantedBytes = bytes;
  for (let generation = position.generation; generation > 0; generation -= 1) {
    const instance = store.instances.byGeneration(machineId, generation);
    if (instance === null || wasRemoved(instance)) break;
    const kept = await keptRange(instance);
    position = { generation, offset: Math.max(kept.from, kept.to - wantedBytes) };
    wantedBytes -= kept.to - position.offset;
    if (wantedBytes === 0 || kept.from > 0) break;
  }
  return position;
}

async function keptRange(instance: Instance): Promise<{ from: number; to: number }> {
  const log = await GenerationLog.open(instancePaths(instance).consoleLog);
  if (log === null) return { from: 0, to: 0 };
  try {
    const to = await log.size();
    return { from: Math.min(to, await log.keptFrom()), to };
  } finally {
    await log.close();
  }
}
