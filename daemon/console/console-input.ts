/**
 * What people type, on its way into one machine: a bounded queue, in the order in which messages came, whoever
 * sent them. A byte leaves the queue when the VMM has taken it and not before, so what one VMM did not take goes
 * to the next. The connection to the VMM lasts only as long as there is something to give, since a client slows
 * a guest that prints a lot.
 *
 * `hold` readies the machine for a hand-over: nothing more is sent, what is under way is let be taken (a guest
 * that reads its console does so in milliseconds), the connection is closed. Until then the guest runs, so when
 * a guest that had left input lying for `DRAIN_MS` reads in the very moment of the close, those bytes can come
 * twice. What is in the queue when the daemon dies is lost with it; so may be the at most `MAX_UNDER_WAY` bytes
 * that its connection held.
 */
import type { Logger } from 'pino';
import { until } from '../instance/deadline.js';
import { SerialConnection } from './serial-connection.js';

/** Beyond this nobody should send: what a few screens full of pasting need. */
export const MAX_QUEUED_BYTES = 64 * 1024;
const MAX_UNDER_WAY = 32;
const BUSY_MS = 1;
const IDLE_MS = 10;
const RETRY_MS = 20;
/** For the next key. */
const LINGER_MS = 200;
const DRAIN_MS = 200;

/** Where input goes now: a socket; nowhere yet (an instance is on its way); or nowhere at all. */
export type InputTarget = { readonly generation: number; readonly path: string } | 'wait' | 'none';

export interface InputWriter {
  /** Nothing runs the machine: the bytes will never arrive. */
  inputDropped(bytes: number): void;
  /** The queue has room again. */
  inputWanted(): void;
}

interface Message {
  readonly writer: InputWriter;
  bytes: Uint8Array;
}

export class ConsoleInput {
  readonly #target: () => InputTarget;
  readonly #log: Logger;
  readonly #writers = new Set<InputWriter>();
  #queue: Message[] = [];
  #queuedBytes = 0;
  /** So many of the queue's first bytes were sent and may not have been taken yet. */
  #underWay = 0;
  #connection: { readonly serial: SerialConnection; readonly generation: number } | null = null;
  #held: { readonly generation: number } | null = null;
  #idleSinceMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(target: () => InputTarget, log: Logger) {
    this.#target = target;
    this.#log = log;
  }

  get isFull(): boolean {
    return this.#queuedBytes >= MAX_QUEUED_BYTES;
  }

  addWriter(writer: InputWriter): void {
    this.#writers.add(writer);
  }

  /** What it sent before still arrives. */
  removeWriter(writer: InputWriter): void {
    this.#writers.delete(writer);
  }

  push(writer: InputWriter, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.push({ writer, bytes });
    this.#queuedBytes += bytes.length;
    if (this.#timer === null) this.#tick();
  }

  /** The VMM of `generation` gets nothing more until `release`; another one does. True: a connection was closed. */
  async hold(generation: number): Promise<boolean> {
    this.#held = { generation };
    if (this.#connection === null) return false;
    const isDrained = () => (this.#connection === null || this.#underWay === 0 ? true : null);
    await until(isDrained, { deadlineMs: DRAIN_MS, what: 'input to be taken' }, BUSY_MS).catch(
      () => undefined,
    );
    this.#account();
    this.#disconnect();
    return true;
  }

  release(): void {
    this.#held = null;
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#disconnect();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #tick(): void {
    this.#timer = null;
    let pauseMs: number | null;
    try {
      pauseMs = this.#pump();
    } catch (error) {
      this.#log.error({ err: error }, 'console input is stuck, trying again');
      this.#disconnect();
      pauseMs = RETRY_MS;
    }
    if (pauseMs !== null) this.#timer = setTimeout(() => this.#tick(), pauseMs);
  }

  /** Returns when to come back; null: when there is something to give. */
  #pump(): number | null {
    if (this.#connection !== null) {
      this.#account();
      if (!this.#connection.serial.dropOutput()) this.#disconnect();
    }
    if (this.#queuedBytes === 0 && this.#connection === null) return null;
    const target = this.#target();
    if (target === 'none') {
      this.#disconnect();
      this.#drop();
      return null;
    }
    const isElsewhere = target === 'wait' || target.generation !== this.#connection?.generation;
    if (isElsewhere) this.#disconnect();
    if (target === 'wait') return RETRY_MS;
    if (this.#held?.generation === target.generation) {
      return this.#connection === null ? RETRY_MS : BUSY_MS;
    }
    return this.#give(target);
  }

  #give({ generation, path }: { generation: number; path: string }): number | null {
    if (this.#queuedBytes === 0 && performance.now() - this.#idleSinceMs > LINGER_MS) {
      this.#disconnect();
      return null;
    }
    if (this.#connection === null) {
      const serial = SerialConnection.open(path);
      if (serial === null) return RETRY_MS;
      this.#connection = { serial, generation };
    }
    const { serial } = this.#connection;
    while (this.#underWay < Math.min(MAX_UNDER_WAY, this.#queuedBytes)) {
      if (!serial.send(this.#byteAt(this.#underWay))) break;
      this.#underWay += 1;
    }
    if (this.#queuedBytes > 0) this.#idleSinceMs = performance.now();
    return this.#queuedBytes > 0 ? BUSY_MS : IDLE_MS;
  }

  /** Takes what the VMM has taken off the queue. */
  #account(): void {
    if (this.#connection === null) return;
    const taken = Math.max(0, this.#underWay - this.#connection.serial.unread());
    const wasFull = this.isFull;
    this.#underWay -= taken;
    this.#forget(taken);
    if (wasFull && !this.isFull) for (const writer of this.#writers) writer.inputWanted();
  }

  #byteAt(index: number): number {
    let rest = index;
    for (const { bytes } of this.#queue) {
      if (rest < bytes.length) return bytes[rest] as number;
      rest -= bytes.length;
    }
    throw new Error(`expected ${index} to be in the queue of ${this.#queuedBytes} bytes`);
  }

  #forget(count: number): void {
    this.#queuedBytes -= count;
    for (let rest = count; rest > 0; ) {
      const [first] = this.#queue as [Message];
      const now = Math.min(rest, first.bytes.length);
      first.bytes = first.bytes.subarray(now);
      rest -= now;
      if (first.bytes.length === 0) this.#queue.shift();
    }
  }

  #drop(): void {
    const dropped = this.#queue;
    const wasFull = this.isFull;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { writer, bytes } of dropped) writer.inputDropped(bytes.length);
    if (wasFull) for (const writer of this.#writers) writer.inputWanted();
  }

  /** What was under way and not taken will be sent again. */
  #disconnect(): void {
    this.#connection?.serial.close();
    this.#connection = null;
    this.#underWay = 0;
  }
}
