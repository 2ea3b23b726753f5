/**
 * What all subscribers share: the newest events, each turned into bytes once, and turns. After a commit the readers that
 * it concerns are served in slices of about a millisecond, between which everything else in the daemon goes on: hundreds
 * of subscribers delay neither a request nor an upgrade. While a guest is paused by an upgrade they wait a little.
 * Who is further behind than the newest events is served from the store: no queue is held for anybody.
 */
import { BatonError } from '../errors.js';
import { type EventHistory, type StoredEvent, toCloudEvent } from '../event.js';
import type { Described, Matches } from '../event-filter.js';

export interface EventLimits {
  /** Beyond this a reader is behind: nothing more is written until it has read. */
  readonly maxUnreadBytes: number;
  /** One that stays behind for so long is told and cut. */
  readonly slowReaderDeadlineMs: number;
  /** How often a reader hears something; one that cannot answer from one to the next is cut. */
  readonly heartbeatMs: number;
  readonly maxReaders: number;
}

/* A slow reader costs what its kernel buffer holds and this, so all of them together 128 MiB. */
export const EVENT_LIMITS: EventLimits = {
  maxUnreadBytes: 128 * 1024,
  slowReaderDeadlineMs: 10_000,
  heartbeatMs: 30_000,
  maxReaders: 1_000,
};

/** Bursts of an upgrade or of a start of many machines, so that readers who keep up never cost a query. */
const RECENT = 1_024;
const SLICE_MS = 1;
/** Mostly all of a pause by cpr-transfer. */
const WAIT_FOR_GUEST_MS = 10;

/** An event as it is sent. */
export class Frame implements Described {
  readonly seq: number;
  readonly type: string;
  readonly subject: string;
  #event: StoredEvent | null;
  #json: Buffer | null = null;
  #serverSent: Buffer | null = null;

  constructor(event: StoredEvent) {
    this.seq = event.seq;
    this.type = event.type;
    this.subject = event.subject;
    this.#event = event;
  }

  get json(): Buffer {
    if (this.#json === null) {
      this.#json = Buffer.from(JSON.stringify(toCloudEvent(this.#event as StoredEvent)));
      this.#event = null;
    }
    return this.#json;
  }

  /** As a server-sent event. JSON has no line breaks. */
  get serverSent(): Buffer {
    this.#serverSent ??= Buffer.concat([
      Buffer.from(`id: ${this.seq}\ndata: `),
      this.json,
      Buffer.from('\n\n'),
    ]);
    return this.#serverSent;
  }
}

export interface FramePage {
  readonly frames: readonly Frame[];
  /** The last that was looked at, wanted or not. */
  readonly reached: number;
}

export type TransportName = 'websocket' | 'sse';
export type DropReason = 'slow' | 'dead' | 'refused';

export interface FeedReader {
  readonly transport: TransportName;
  /** Its turn. It asks for another one by `wake`. */
  pump(): void;
  /** The daemon stops. */
  sendAway(): void;
}

export class EventFeed {
  readonly limits: EventLimits;
  readonly #history: EventHistory;
  readonly #readers = new Set<FeedReader>();
  readonly #due = new Set<FeedReader>();
  readonly #unsubscribe: () => void;
  readonly #dropped = new Map<string, { transport: TransportName; reason: DropReason; count: number }>();
  /** Without gaps. */
  #recent: Frame[] = [];
  #turn: NodeJS.Immediate | NodeJS.Timeout | null = null;

  constructor(history: EventHistory, limits: Partial<EventLimits> = {}) {
    this.limits = { ...EVENT_LIMITS, ...limits };
    this.#history = history;
    this.#unsubscribe = history.onEvents((events) => this.#take(events));
  }

  get last(): number {
    return this.#history.events.range().last;
  }

  get readers(): ReadonlySet<FeedReader> {
    return this.#readers;
  }

  /** Readers that were cut, since the daemon started. */
  get dropped(): readonly { transport: TransportName; reason: DropReason; count: number }[] {
    return [...this.#dropped.values()];
  }

  requireRoom(): void {
    if (this.#readers.size < this.limits.maxReaders) return;
    throw new BatonError(
      'too_many_listeners',
      `${this.limits.maxReaders} subscribers listen to events already: close one, or come back later`,
    );
  }

  add(reader: FeedReader): void {
    this.#readers.add(reader);
    this.wake(reader);
  }

  remove(reader: FeedReader): void {
    this.#readers.delete(reader);
    this.#due.delete(reader);
  }

  countDrop(transport: TransportName, reason: DropReason): void {
    const key = `${transport} ${reason}`;
    const entry = this.#dropped.get(key) ?? { transport, reason, count: 0 };
    entry.count += 1;
    this.#dropped.set(key, entry);
  }

  wake(reader: FeedReader): void {
    if (!this.#readers.has(reader)) return;
    this.#due.add(reader);
    this.#schedule();
  }

  /** Throws when what is after it cannot be had without a gap. */
  require(seq: number): void {
    try {
      const lost = checkSequence(this.#history, seq);
      if (lost !== null) throw lost;
    } catch (error) {
      if (error instanceof BatonError) throw error;
      throw new BatonError('store_failed', 'events cannot be read', { cause: error });
    }
  }

  /** Throws when they cannot be had without a gap. */
  after(seq: number, limit: number, matches: Matches | null): FramePage {
    const skipped = seq + 1 - (this.#recent[0]?.seq ?? Number.POSITIVE_INFINITY);
    if (skipped < 0 || skipped > this.#recent.length) return this.#stored(seq, limit, matches);
    const page = this.#recent.slice(skipped, skipped + limit);
    return {
      frames: matches === null ? page : page.filter(matches),
      reached: page.at(-1)?.seq ?? seq,
    };
  }

  /** Tells everybody that they can come back, and where they were. */
  close(): void {
    this.#unsubscribe();
    for (const reader of [...this.#readers]) reader.sendAway();
    this.#stopTurn();
  }

  #stored(seq: number, limit: number, matches: Matches | null): FramePage {
    this.require(seq);
    try {
      const { events, reached } = this.#history.events.scan(seq, limit, matches);
      return { frames: events.map((event) => new Frame(event)), reached };
    } catch (error) {
      throw new BatonError('store_failed', 'events cannot be read', { cause: error });
    }
  }

  #take(events: readonly StoredEvent[]): void {
    for (const event of events) this.#recent.push(new Frame(event));
    if (this.#recent.length > 2 * RECENT) this.#recent = this.#recent.slice(-RECENT);
    for (const reader of this.#readers) this.#due.add(reader);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#turn !== null || this.#due.size === 0) return;
    const serve = () => this.#serve();
    this.#turn = this.#history.isPausing ? setTimeout(serve, WAIT_FOR_GUEST_MS) : setImmediate(serve);
  }

  #serve(): void {
    this.#turn = null;
    const untilMs = performance.now() + SLICE_MS;
    for (const reader of this.#due) {
      this.#due.delete(reader);
      reader.pump();
      if (performance.now() > untilMs) break;
    }
    this.#schedule();
  }

  #stopTurn(): void {
    if (this.#turn === null) return;
    clearImmediate(this.#turn as NodeJS.Immediate);
    clearTimeout(this.#turn as NodeJS.Timeout);
    this.#turn = null;
  }
}

/** Null when everything after `seq` can be had; otherwise why not. */
export function checkSequence(history: Pick<EventHistory, 'events'>, seq: number): BatonError | null {
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
