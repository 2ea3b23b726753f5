/**
 * One subscriber: what it has missed from the store, then what happens, in order, each once. The reader decides
 * the pace: while it has much unread, nothing more is fetched for it; one that stays so is told and cut. The
 * daemon holds no queue for anybody, the store is the queue.
 */
import type { WebSocket } from 'ws';
import { BatonError, problemBody } from '../errors.js';
import { type EventHistory, type StoredEvent, toCloudEvent } from '../event.js';

const PAGE = 256;
/** Beyond this the reader is behind: nothing more is written until it has read. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const SLOW_READER_DEADLINE_MS = 10_000;
const RETRY_MS = 20;

/** Private close codes; the frame before says the same as a problem. */
const CLOSE_REFUSED = 4400;
const CLOSE_GONE = 4410;
const CLOSE_SLOW = 4429;

export interface EventStreamOptions {
  readonly maxUnreadBytes?: number;
  readonly slowReaderDeadlineMs?: number;
}

export class EventStream {
  readonly #socket: WebSocket;
  readonly #history: EventHistory;
  readonly #maxUnreadBytes: number;
  readonly #slowReaderDeadlineMs: number;
  readonly #unsubscribe: () => void;
  #sentSeq: number;
  #scheduled: NodeJS.Immediate | NodeJS.Timeout | null = null;
  #behindSinceMs: number | null = null;
  #isClosed = false;

  constructor(
    socket: WebSocket,
    history: EventHistory,
    after: number | null,
    options: EventStreamOptions = {},
  ) {
    this.#socket = socket;
    this.#history = history;
    this.#maxUnreadBytes = options.maxUnreadBytes ?? MAX_UNREAD_BYTES;
    this.#slowReaderDeadlineMs = options.slowReaderDeadlineMs ?? SLOW_READER_DEADLINE_MS;
    this.#sentSeq = after ?? history.events.range().last;
    this.#unsubscribe = history.onEvents(() => this.#schedule());
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.terminate());
    socket.on('message', () => this.#refuse(CLOSE_REFUSED, readOnly()));
    this.#schedule();
  }

  /** Later, not now: an event may be written while a guest stands still. */
  #schedule(): void {
    if (this.#isClosed || this.#scheduled !== null) return;
    this.#scheduled = setImmediate(() => this.#pump());
  }

  #pump(): void {
    this.#scheduled = null;
    if (this.#isClosed) return;
    if (this.#socket.bufferedAmount > this.#maxUnreadBytes) {
      this.#waitForReader();
      return;
    }
    this.#behindSinceMs = null;
    const events = this.#next();
    if (events instanceof BatonError) {
      this.#refuse(events.code === 'events_gone' ? CLOSE_GONE : CLOSE_REFUSED, events);
      return;
    }
    for (const event of events) {
      if (this.#socket.bufferedAmount > this.#maxUnreadBytes) break;
      this.#socket.send(JSON.stringify(toCloudEvent(event)));
      this.#sentSeq = event.seq;
    }
    const hasMore = events.length === PAGE || this.#sentSeq < (events.at(-1)?.seq ?? 0);
    if (hasMore) this.#schedule();
  }

  #next(): StoredEvent[] | BatonError {
    try {
      return checkSequence(this.#history, this.#sentSeq) ?? this.#history.events.after(this.#sentSeq, PAGE);
    } catch (error) {
      return new BatonError('store_failed', 'events cannot be read', { cause: error });
    }
  }

  #waitForReader(): void {
    this.#behindSinceMs ??= performance.now();
    if (performance.now() - this.#behindSinceMs > this.#slowReaderDeadlineMs) {
      const message = `more than ${this.#maxUnreadBytes} bytes were unread for ${this.#slowReaderDeadlineMs} ms: connect again with after=${this.#sentSeq} or the last sequence read`;
      this.#refuse(CLOSE_SLOW, new BatonError('slow_reader', message));
      return;
    }
    this.#scheduled = setTimeout(() => this.#pump(), RETRY_MS);
  }

  #refuse(code: number, error: BatonError): void {
    if (this.#isClosed) return;
    this.#end();
    this.#socket.send(JSON.stringify({ error: problemBody(error) }));
    this.#socket.close(code, error.code);
    /* A peer that reads nothing does not answer the close either. */
    setTimeout(() => this.#socket.terminate(), this.#slowReaderDeadlineMs).unref();
  }

  #end(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    if (this.#scheduled !== null) {
      clearImmediate(this.#scheduled as NodeJS.Immediate);
      clearTimeout(this.#scheduled as NodeJS.Timeout);
      this.#scheduled = null;
    }
  }
}

function readOnly(): BatonError {
  return new BatonError('invalid_request', 'expected no message on the event stream: it only sends');
}

/** Null when everything after `seq` can be had; otherwise why not. */
export function checkSequence(history: EventHistory, seq: number): BatonError | null {
  const { first, last } = history.events.range();
  const details = { first, last };
  if (seq > last) {
    const message = `expected a sequence of at most ${last}, got ${seq}: this daemon's history is not the one you know; list machines anew`;
    return new BatonError('event_not_reached', message, { details });
  }
  if (seq < first - 1 && seq !== 0) {
    const message = `events after ${seq} were asked for, but those before ${first} are no longer kept; list machines anew and go on from ${last}`;
    return new BatonError('events_gone', message, { details });
  }
  return null;
}
