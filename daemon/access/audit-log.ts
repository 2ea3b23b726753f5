/**
 * Writes the audit, in the order in which things ended, and says whether it is whole. What is refused again and again is
 * told once, and a minute later how often it was: whoever has no rights cannot fill the disk with entries, or push
 * those of others out. Each entry's hash is in the daemon's log as well, which is another place.
 */
import type { Logger } from 'pino';
import type { Store } from '../store/store.js';
import { type AuditEntry, type AuditLink, auditFlaw, type NewAuditEntry } from './audit.js';

const PRUNED_EVERY = 256;
const VERIFIED_AT_ONCE = 500;
const REPEATED_MS = 60_000;
/** Beyond so many kinds of refusals at once they are told together. */
const MAX_REPEATED = 1_000;
const REFUSED = 400;

export interface AuditVerdict {
  readonly isWhole: boolean;
  /** What is wrong first; null: nothing. */
  readonly flaw: string | null;
  readonly entries: number;
  /** What the first entry that is kept stands on: those up to it were removed in order. */
  readonly anchor: AuditLink;
  readonly head: AuditLink;
}

interface Repeated {
  entry: NewAuditEntry;
  count: number;
}

export class AuditLog {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #repeated = new Map<string, Repeated>();
  #timer: NodeJS.Timeout | null = null;
  #head: AuditLink;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#head = store.audit.head();
  }

  /** Never throws: what is to be told has happened. */
  record(entry: Omit<NewAuditEntry, 'count'>): void {
    if (entry.status < REFUSED) {
      this.#append({ ...entry, count: 1 });
      return;
    }
    const kind = [entry.requester, entry.origin, entry.method, entry.route, entry.status].join(' ');
    const known = this.#repeated.get(kind);
    if (known === undefined && this.#repeated.size < MAX_REPEATED) {
      this.#repeated.set(kind, { entry: { ...entry, count: 1 }, count: 0 });
      this.#append({ ...entry, count: 1 });
      this.#timer ??= setTimeout(() => this.flush(), REPEATED_MS).unref();
      return;
    }
    const repeated = known ?? this.#others(entry);
    repeated.entry = { ...repeated.entry, subject: entry.subject };
    repeated.count += 1;
  }

  /** Tells of what was repeated. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const repeated = [...this.#repeated.values()];
    this.#repeated.clear();
    for (const { entry, count } of repeated) if (count > 0) this.#append({ ...entry, count });
  }

  /** Looks at every entry, a stretch at a time. `noted`: a link that was written down elsewhere must be there. */
  async verify(noted: AuditLink | null): Promise<AuditVerdict> {
    const { audit } = this.#store;
    const anchor = audit.anchor();
    const head = audit.head();
    const written = audit.written();
    let flaw: string | null = null;
    let previous = anchor;
    let entries = 0;
    while (flaw === null) {
      const stretch = audit.after(previous.seq, head.seq, VERIFIED_AT_ONCE);
      if (stretch.length === 0) break;
      for (const entry of stretch) {
        flaw ??= auditFlaw(previous, entry);
        previous = entry;
        entries += 1;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (written > head.seq) flaw ??= `entries ${head.seq + 1} to ${written} at the end are missing`;
    flaw ??= this.#flawAtHead(head) ?? this.#flawOfNoted(noted, anchor);
    return { isWhole: flaw === null, flaw, entries, anchor, head };
  }

  /** This daemon knows what it wrote last. */
  #flawAtHead(head: AuditLink): string | null {
    if (head.seq > this.#head.seq || (head.seq === this.#head.seq && head.hash === this.#head.hash))
      return null;
    return `entry ${this.#head.seq} is not what this daemon wrote`;
  }

  #flawOfNoted(noted: AuditLink | null, anchor: AuditLink): string | null {
    if (noted === null || noted.seq < anchor.seq) return null;
    const found = noted.seq === anchor.seq ? anchor : this.#store.audit.at(noted.seq);
    if (found?.hash === noted.hash) return null;
    return found === null
      ? `entry ${noted.seq}, which was noted, is missing`
      : `entry ${noted.seq} is not what was noted`;
  }

  #others(entry: Omit<NewAuditEntry, 'count'>): Repeated {
    const known = this.#repeated.get('others');
    if (known !== undefined) return known;
    const others = { ...entry, requester: 'many', origin: 'many', role: null, credential: null, count: 1 };
    const repeated = { entry: others, count: 0 };
    this.#repeated.set('others', repeated);
    return repeated;
  }

  #append(entry: NewAuditEntry): void {
    const { audit, isPausing } = this.#store;
    const write = (): AuditEntry => {
      const written = audit.append(entry, this.#head);
      if (written.seq % PRUNED_EVERY === 0) audit.prune();
      return written;
    };
    try {
      /* While a guest stands still nothing waits for the disk. */
      const written = isPausing ? this.#store.quickly(write) : this.#store.durably(write);
      this.#head = { seq: written.seq, hash: written.hash };
      this.#log.info({ audit: written }, 'audit');
    } catch (error) {
      this.#log.error({ err: error, audit: entry }, 'the audit could not be written');
    }
  }
}
