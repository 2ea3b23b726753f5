/** The event log: gap-free, bounded. */
import type { Database, Statement } from 'better-sqlite3';
import type { EventPage, EventRange, EventType, NewEvent, StoredEvent } from '../event.js';
import type { Matches } from '../event-filter.js';

interface Row {
  readonly seq: number;
  readonly type: EventType;
  readonly subject: string;
  readonly time_ms: number;
  readonly data: string;
  readonly requester: string;
}

function toEvent(row: Row): StoredEvent {
  const { seq, type, subject, requester, time_ms: timeMs } = row;
  /* Written from one, by this daemon or an older one. */
  return { seq, type, subject, timeMs, requester, data: JSON.parse(row.data) } as StoredEvent;
}

/** Does not fit into what is left of a page. */
const PROBE = 'x'.repeat(8_192);

export class EventStore {
  readonly #keep: number;
  readonly #insert: Statement<[EventType, string, number, string, string]>;
  readonly #after: Statement<[number, number], Row>;
  readonly #first: Statement<[], { seq: number | null }>;
  readonly #last: Statement<[], { seq: number }>;
  readonly #prune: Statement<[number]>;

  constructor(db: Database, keep: number) {
    this.#keep = keep;
    this.#insert = db.prepare(
      'INSERT INTO events (type, subject, time_ms, data, requester) VALUES (?, ?, ?, ?, ?)',
    );
    this.#after = db.prepare('SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?');
    this.#first = db.prepare('SELECT min(seq) AS seq FROM events');
    this.#last = db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'events'`);
    this.#prune = db.prepare('DELETE FROM events WHERE seq <= ?');
  }

  append(event: NewEvent, timeMs: number, requester: string): StoredEvent {
    const { lastInsertRowid } = this.#insert.run(
      event.type,
      event.subject,
      timeMs,
      JSON.stringify(event.data),
      requester,
    );
    return { ...event, seq: Number(lastInsertRowid), timeMs, requester };
  }

  after(seq: number, limit: number): StoredEvent[] {
    return this.#after.all(seq, limit).map(toEvent);
  }

  /** What is not wanted is not decoded. */
  scan(seq: number, limit: number, matches: Matches | null): EventPage {
    const rows = this.#after.all(seq, limit);
    const wanted = matches === null ? rows : rows.filter(matches);
    return { events: wanted.map(toEvent), reached: rows.at(-1)?.seq ?? seq };
  }

  range(): EventRange {
    const last = this.#last.get()?.seq ?? 0;
    return { first: this.#first.get()?.seq ?? last + 1, last };
  }

  /** Whether one could be written now; it is not. Inside a transaction that is rolled back. */
  probe(): void {
    this.#insert.run('baton.machine.changed', '', 0, JSON.stringify(PROBE), '');
  }

  prune(): void {
    this.#prune.run(this.range().last - this.#keep);
  }
}
