/**
 * A console session that knows its position: when the connection breaks or the daemon restarts, it comes back at the
 * byte after the last one that it gave out. Upgrades of the machine do not end it.
 */
import { type Channel, openChannel } from './channel.js';
import type { Problem } from './documents.js';
import { ProblemError } from './errors.js';
import { pathOf } from './machines.js';
import { type Persistence, persistently } from './reconnecting.js';
import { queryOf, type Requests } from './requests.js';

export interface ConsoleOptions extends Persistence {
  readonly machine: string;
  /** Position to go on from; else the last `tail` bytes come first. */
  readonly after?: string;
  readonly tail?: number;
  readonly readonly?: boolean;
  readonly onBytes: (bytes: Buffer) => void;
  /** The guest went on in another generation. */
  readonly onGeneration?: (generation: number) => void;
  /** Nothing ran the machine: so many typed bytes will never reach the guest. */
  readonly onInputDropped?: (bytes: number) => void;
}

interface Message {
  readonly position?: string;
  readonly inputDropped?: number;
  readonly error?: Problem;
}

/** What is typed while there is no connection. */
const MAX_TYPED_AHEAD_BYTES = 4_096;
/** Told apart from those of the heartbeat. */
const LAST_PING = 'last';

export class ConsoleSession {
  readonly #requests: Requests;
  readonly #options: ConsoleOptions;
  readonly #closing = new AbortController();
  #channel: Channel | null = null;
  #typedAhead: Buffer[] = [];
  #generation: number | null = null;
  #offset = 0;
  #finishes = false;

  constructor(requests: Requests, options: ConsoleOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  /** Of the next byte; null: not connected yet. */
  get position(): string | null {
    return this.#generation === null ? (this.#options.after ?? null) : `${this.#generation}:${this.#offset}`;
  }

  /** Resolves after `close`; rejects when the daemon refuses, or does not come back. */
  run(): Promise<void> {
    const { signal, machine, tail, readonly } = this.#options;
    const signals = signal === undefined ? [] : [signal];
    const ending = AbortSignal.any([this.#closing.signal, ...signals]);
    return persistently(
      async (isOpen) => {
        const after = this.position ?? undefined;
        const query = after === undefined ? { tail } : { after };
        const path = `${pathOf(machine)}/console${queryOf({ ...query, readonly: readonly || undefined })}`;
        let refusal: Problem | null = null;
        const channel = await openChannel(this.#requests.transport, path, (data, isBinary) => {
          if (isBinary) {
            this.#offset += data.length;
            this.#options.onBytes(data);
          } else {
            refusal = this.#heard(JSON.parse(String(data)) as Message) ?? refusal;
          }
        });
        const close = () => channel.close();
        ending.addEventListener('abort', close, { once: true });
        if (ending.aborted) close();
        this.#opened(channel);
        isOpen();
        const { code, reason } = await channel.closed;
        this.#channel = null;
        ending.removeEventListener('abort', close);
        if (refusal !== null && (refusal as Problem).code !== 'slow_reader') throw new ProblemError(refusal);
        return { lost: reason || `the connection was closed (${code})` };
      },
      { ...this.#options, signal: ending },
    );
  }

  write(bytes: Buffer): void {
    if (this.#channel !== null) {
      this.#channel.socket.send(bytes);
      return;
    }
    const waiting = this.#typedAhead.reduce((total, { length }) => total + length, 0);
    if (waiting + bytes.length <= MAX_TYPED_AHEAD_BYTES) this.#typedAhead.push(bytes);
    else this.#options.onInputDropped?.(bytes.length);
  }

  close(): void {
    this.#closing.abort();
  }

  /** Ends when the daemon has taken what was written; when the connection breaks before, after it has come back. */
  finish(): void {
    this.#finishes = true;
    const socket = this.#channel?.socket;
    if (socket === undefined) return;
    /* Its answer comes after it has read all that was sent before. */
    socket.on('pong', (data: Buffer) => {
      if (String(data) === LAST_PING) this.close();
    });
    socket.ping(LAST_PING);
  }

  #opened(channel: Channel): void {
    this.#channel = channel;
    for (const bytes of this.#typedAhead.splice(0)) channel.socket.send(bytes);
    if (this.#finishes) this.finish();
  }

  #heard({ position, inputDropped, error }: Message): Problem | null {
    if (position !== undefined) {
      const [generation = 0, offset = 0] = position.split(':').map(Number);
      if (this.#generation !== null && this.#generation !== generation) {
        this.#options.onGeneration?.(generation);
      }
      this.#generation = generation;
      this.#offset = offset;
    }
    if (inputDropped !== undefined) this.#options.onInputDropped?.(inputDropped);
    return error ?? null;
  }
}
