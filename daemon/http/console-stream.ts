/**
 * One console session over WebSocket. Binary frames are bytes: of the guest to the client, of the client to the
 * guest. Text frames are JSON of the daemon's:
 *
 *     {"position":"2:1024"}     the next binary byte is this one (first of all, and when another generation goes on)
 *     {"inputDropped":12}       nothing runs the machine, so so many bytes will never reach the guest
 *     {"error":{…}}             a problem, before the daemon closes the connection
 *
 * A client that counts bytes knows its position and can come back with it. The logs are the queue: a session
 * that does not read costs a bounded buffer, and is told and cut after a while; one that reads too slowly for
 * what is kept is told what is gone. Several clients may write: their messages are taken in turn as they come,
 * each as a whole. While the machine takes no input, a writer is not read from.
 */
import type { WebSocket } from 'ws';
import type { ConsoleInput, InputWriter } from '../console/console-input.js';
import type { ConsoleChunk, ConsoleReader } from '../console/console-reader.js';
import type { Consoles } from '../console/consoles.js';
import { type ConsolePosition, formatPosition } from '../console/position.js';
import { BatonError, problemBody } from '../errors.js';

const MAX_UNREAD_BYTES = 256 * 1024;
const SLOW_READER_DEADLINE_MS = 10_000;
const CATCH_UP_MS = 20;
/** A log is looked at this often: at once after it grew or somebody typed, then less and less. */
const MIN_LOOK_MS = 4;
const MAX_LOOK_MS = 50;
const LOOK_GROWTH = 1.5;

/** Private close codes; the frame before says the same as a problem. */
const CLOSE_REFUSED = 4400;
const CLOSE_NOT_FOUND = 4404;
const CLOSE_GONE = 4410;
const CLOSE_SLOW = 4429;
const CLOSE_FAILED = 1011;

export interface ConsoleRequest {
  readonly machineId: string;
  readonly start: { readonly after: ConsolePosition } | { readonly tailBytes: number };
  readonly readOnly: boolean;
}

export interface ConsoleStreamOptions {
  readonly maxUnreadBytes?: number;
  readonly slowReaderDeadlineMs?: number;
}

export class ConsoleStream implements InputWriter {
  readonly #socket: WebSocket;
  readonly #consoles: Consoles;
  readonly #request: ConsoleRequest;
  readonly #input: ConsoleInput;
  readonly #maxUnreadBytes: number;
  readonly #slowReaderDeadlineMs: number;
  #lookMs = MIN_LOOK_MS;
  #behindSinceMs: number | null = null;
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(
    socket: WebSocket,
    consoles: Consoles,
    request: ConsoleRequest,
    options: ConsoleStreamOptions = {},
  ) {
    this.#socket = socket;
    this.#consoles = consoles;
    this.#request = request;
    this.#input = consoles.input(request.machineId);
    this.#maxUnreadBytes = options.maxUnreadBytes ?? MAX_UNREAD_BYTES;
    this.#slowReaderDeadlineMs = options.slowReaderDeadlineMs ?? SLOW_READER_DEADLINE_MS;
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => this.#heard(data as Buffer, isBinary));
    void this.#serve();
  }

  inputDropped(bytes: number): void {
    this.#tell({ inputDropped: bytes });
  }

  inputWanted(): void {
    this.#socket.resume();
  }

  #heard(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    if (this.#request.readOnly || !isBinary) {
      const message = this.#request.readOnly
        ? 'expected no message from a session that is readonly'
        : 'expected binary messages only, with what the guest shall read';
      this.#refuse(CLOSE_REFUSED, new BatonError('invalid_request', message));
      return;
    }
    this.#input.push(this, data);
    if (this.#input.isFull) this.#socket.pause();
    this.#lookMs = MIN_LOOK_MS;
    this.#wake();
  }

  async #serve(): Promise<void> {
    const { machineId, readOnly } = this.#request;
    let reader: ConsoleReader | null = null;
    try {
      this.#consoles.enter(machineId);
    } catch (error) {
      this.#refuse(CLOSE_SLOW, error as BatonError);
      return;
    }
    if (!readOnly) this.#input.addWriter(this);
    try {
      reader = await this.#open();
      const refusal = await reader.check();
      if (refusal === null) this.#tell({ position: formatPosition(reader.position) });
      else this.#send(refusal);
      while (!this.#isClosed) await this.#step(reader);
    } catch (cause) {
      this.#refuse(CLOSE_FAILED, new BatonError('internal_error', 'the console cannot be read', { cause }));
    } finally {
      this.#input.removeWriter(this);
      this.#consoles.leave(machineId);
      await reader?.close().catch(() => undefined);
    }
  }

  async #open(): Promise<ConsoleReader> {
    const { machineId, start } = this.#request;
    if ('after' in start) return this.#consoles.readerAt(machineId, start.after);
    return this.#consoles.readerAtTail(machineId, start.tailBytes);
  }

  async #step(reader: ConsoleReader): Promise<void> {
    if (this.#socket.bufferedAmount > this.#maxUnreadBytes) {
      await this.#waitForReader(reader.position);
      return;
    }
    this.#behindSinceMs = null;
    const chunk = await reader.next();
    if (this.#isClosed) return;
    this.#send(chunk);
    if (chunk.kind === 'nothing-yet') {
      await this.#pause(this.#lookMs);
      this.#lookMs = Math.min(MAX_LOOK_MS, this.#lookMs * LOOK_GROWTH);
    } else {
      this.#lookMs = MIN_LOOK_MS;
    }
  }

  #send(chunk: ConsoleChunk): void {
    switch (chunk.kind) {
      case 'bytes':
        this.#socket.send(chunk.bytes);
        return;
      case 'moved':
        this.#tell({ position: formatPosition(chunk.position) });
        return;
      case 'nothing-yet':
        return;
      case 'gone':
        this.#refuse(CLOSE_GONE, gone(chunk.first));
        return;
      case 'not-reached':
        this.#refuse(CLOSE_REFUSED, notReached(chunk.last));
        return;
      case 'deleted':
        this.#refuse(CLOSE_NOT_FOUND, new BatonError('machine_not_found', 'the machine was deleted'));
    }
  }

  async #waitForReader(position: ConsolePosition): Promise<void> {
    this.#behindSinceMs ??= performance.now();
    if (performance.now() - this.#behindSinceMs > this.#slowReaderDeadlineMs) {
      const message = `more than ${this.#maxUnreadBytes} bytes were unread for ${this.#slowReaderDeadlineMs} ms: connect again with after= and your position (at most ${formatPosition(position)})`;
      this.#refuse(CLOSE_SLOW, new BatonError('slow_reader', message));
      return;
    }
    await this.#pause(CATCH_UP_MS);
  }

  /** Ends early when somebody types and when the session ends. */
  #pause(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tell(message: object): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(message));
  }

  #refuse(code: number, error: BatonError): void {
    if (this.#isClosed) return;
    this.#tell({ error: problemBody(error) });
    this.#end();
    /* One that is not read from does not see the answer to the close. */
    this.#socket.resume();
    this.#socket.close(code, error.code);
    setTimeout(() => this.#socket.terminate(), this.#slowReaderDeadlineMs).unref();
  }

  #end(): void {
    this.#isClosed = true;
    this.#wake();
  }
}

function gone(first: ConsolePosition): BatonError {
  const position = formatPosition(first);
  const message = `what the guest wrote there is no longer kept: connect again with after=${position}, the first byte that is`;
  return new BatonError('console_gone', message, { details: { first: position } });
}

function notReached(last: ConsolePosition): BatonError {
  const position = formatPosition(last);
  const message = `expected a position of at most ${position}: connect again without after to see where this console is`;
  return new BatonError('console_not_reached', message, { details: { last: position } });
}
