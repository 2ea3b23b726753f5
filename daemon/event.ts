/** Events: what happened, numbered without gaps, kept for a while, shown as CloudEvents 1.0 JSON. */
import { DAEMON, requesterName } from './access/principal.js';
import type { Matches } from './event-filter.js';
import type { EventData, EventType } from './event-types.js';

export type { EventType } from './event-types.js';

/** One member for each type, so that data can only be what `event-types.ts` says. */
export type NewEvent<T extends EventType = EventType> = {
  readonly [K in T]: {
    readonly type: K;
    /** What it is about, as a path below /v1: `machines/<id>`, `builds/<id>`. */
    readonly subject: string;
    readonly data: Readonly<EventData<K>>;
  };
}[T];

export type StoredEvent = NewEvent & {
  readonly seq: number;
  /** Who asked for what led to it: `unix:alice`, or `daemon:batond` for nobody. */
  readonly requester: string;
  readonly timeMs: number;
};

export interface EventRange {
  /** The oldest event still kept; `last + 1` when none is. */
  readonly first: number;
  /** The newest; 0 when nothing ever happened. */
  readonly last: number;
}

export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** The last that was looked at, wanted or not. */
  readonly reached: number;
}

/** Where subscribers find what happened, and learn that something did. */
export interface EventHistory {
  readonly events: {
    /** Looks at so many events after `seq` at most; null: all are wanted. */
    scan(seq: number, limit: number, matches: Matches | null): EventPage;
    range(): EventRange;
  };
  /** Whether a guest is paused by an upgrade: whatever can wait, waits. */
  readonly isPausing: boolean;
  /** Called after each commit that has events, in order. Listeners must not throw. Returns how to end it. */
  onEvents(listener: (events: readonly StoredEvent[]) => void): () => void;
}

/** Not stored, so it takes no number: its `seq` is that of the last event that the reader need not ask for again. */
export const REACHED_EVENT = 'baton.events.reached';

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly seq: number;
  readonly source: '/batond';
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  /** An extension of ours: who asked for what led to it. */
  readonly requester: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
}

export function toCloudEvent(event: StoredEvent): CloudEvent {
  return {
    specversion: '1.0',
    id: String(event.seq),
    seq: event.seq,
    source: '/batond',
    type: event.type,
    subject: event.subject,
    time: new Date(event.timeMs).toISOString(),
    requester: event.requester,
    datacontenttype: 'application/json',
    data: event.data,
  };
}

export function toReachedEvent(seq: number, timeMs: number): CloudEvent {
  return {
    specversion: '1.0',
    id: `reached-${seq}`,
    seq,
    source: '/batond',
    type: REACHED_EVENT,
    subject: 'events',
    time: new Date(timeMs).toISOString(),
    requester: requesterName(DAEMON),
    datacontenttype: 'application/json',
    data: {},
  };
}
