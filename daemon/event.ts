/** Events: what happened, numbered without gaps, kept for a while, shown as CloudEvents 1.0 JSON. */
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

/** Where subscribers find what happened, and learn that something did. */
export interface EventHistory {
  readonly events: { after(seq: number, limit: number): StoredEvent[]; range(): EventRange };
  /** Called after each commit that has events, in order. Listeners must not throw. Returns how to end it. */
  onEvents(listener: (events: readonly StoredEvent[]) => void): () => void;
}

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
