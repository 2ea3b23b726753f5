/**
 * The consoles of all machines. Output is in the logs that the VMMs write (`console-reader.ts`), bounded here
 * (`log-bound.ts`); input goes through one queue per machine (`console-input.ts`). An upgrade holds the input of
 * its machine while it hands the guest over.
 */
import type { Logger } from 'pino';
import { BatonError } from '../errors.js';
import { instancePaths } from '../instance.js';
import type { Store } from '../store/store.js';
import { ConsoleInput, type InputTarget } from './console-input.js';
import { ConsoleReader } from './console-reader.js';
import { LogBound } from './log-bound.js';
import type { ConsolePosition } from './position.js';

export const DEFAULT_LOG_BYTES = 16 * 1024 * 1024;
export const MAX_SESSIONS_PER_MACHINE = 32;

export class Consoles {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #logBound: LogBound;
  readonly #inputs = new Map<string, ConsoleInput>();
  readonly #sessions = new Map<string, number>();

  constructor(store: Store, log: Logger, logBytes: number) {
    this.#store = store;
    this.#log = log.child({ component: 'console' });
    this.#logBound = new LogBound(store, this.#log, logBytes);
  }

  start(): void {
    this.#logBound.start();
  }

  async stop(): Promise<void> {
    for (const input of this.#inputs.values()) input.close();
    await this.#logBound.stop();
  }

  /** To be balanced by `leave`. */
  enter(machineId: string): void {
    const sessions = this.#sessions.get(machineId) ?? 0;
    if (sessions >= MAX_SESSIONS_PER_MACHINE) {
      const message = `expected at most ${MAX_SESSIONS_PER_MACHINE} console sessions of one machine: close one first`;
      throw new BatonError('too_many_consoles', message);
    }
    this.#sessions.set(machineId, sessions + 1);
  }

  leave(machineId: string): void {
    const sessions = this.#sessions.get(machineId) ?? 1;
    if (sessions === 1) this.#sessions.delete(machineId);
    else this.#sessions.set(machineId, sessions - 1);
  }

  readerAt(machineId: string, position: ConsolePosition): ConsoleReader {
    return new ConsoleReader(this.#store, machineId, position);
  }

  readerAtTail(machineId: string, tailBytes: number): Promise<ConsoleReader> {
    return ConsoleReader.atTail(this.#store, machineId, tailBytes);
  }

  input(machineId: string): ConsoleInput {
    let input = this.#inputs.get(machineId);
    if (input === undefined) {
      input = new ConsoleInput(() => this.#target(machineId), this.#log.child({ machine: machineId }));
      this.#inputs.set(machineId, input);
    }
    return input;
  }

  /** See `ConsoleInput`. To be called while the guest still runs on `generation`. */
  hold(machineId: string, generation: number): void {
    const instance = this.#store.instances.byGeneration(machineId, generation);
    if (instance === null || instance.process === null) return;
    this.input(machineId).hold(generation, instancePaths(instance).consoleInput, instance.process);
  }

  release(machineId: string): void {
    this.#inputs.get(machineId)?.release();
  }

  /** The machine was deleted. */
  forget(machineId: string): void {
    this.#inputs.get(machineId)?.close();
    this.#inputs.delete(machineId);
  }

  #target(machineId: string): InputTarget {
    const { instances, machines, operations } = this.#store;
    const generation = machines.byId(machineId)?.currentGeneration ?? 0;
    const instance = instances.byGeneration(machineId, generation);
    if (instance?.state === 'alive') return { generation, path: instancePaths(instance).consoleInput };
    return operations.runningOf(machineId) === null ? 'none' : 'wait';
  }
}
