/** Events: what happened, numbered without gaps, kept for a while, shown as CloudEvents 1.0 JSON. */
export const EVENT_TYPES = [
  'baton.build.added',
  'baton.build.changed',
  'baton.build.removed',
  'baton.machine.created',
  'baton.machine.adopted',
  'baton.machine.released',
  'baton.machine.changed',
  'baton.machine.builds-changed',
  'baton.machine.deleted',
  'baton.machine.state-changed',
  'baton.machine.frozen',
  'baton.machine.thawed',
  'baton.instance.started',
  'baton.instance.ended',
  'baton.operation.started',
  'baton.operation.finished',
  'baton.upgrade.state-changed',
  'baton.upgrade.guest-asked',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface NewEvent {
  readonly type: EventType;
  /** What it is about, as a path below /v1: `machines/<id>`, `builds/<id>`. */
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface StoredEvent extends NewEvent {
  readonly seq: number;
  /** Who asked for what led to it: `unix:alice`, or `daemon:batond` for nobody. */
  readonly requester: string;
  readonly timeMs: number;
}

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
