/**
 * The store: what was wanted and what was begun, on disk before it is acted upon. One connection, WAL, all
 * writes in transactions of one of two kinds:
 *
 * - `durably` (synchronous=FULL): on disk when it returns. For everything that must outlive the host.
 * - `quickly` (synchronous=OFF): in the operating system's hands when it returns, without waiting for the
 *   disk. For the few records made while a guest is paused by an upgrade. They outlive the death of the
 *   daemon, which is what the journal is for there; and a crash of the host, which they would not outlive,
 *   ends source and target too, so there would be nothing left to decide. An fsync takes milliseconds on
 *   ordinary disks, as long as the whole pause.
 *
 * Checkpoints are ours, never SQLite's own at some commit, and none starts while a guest is paused.
 * Events are written in the same transaction as what they report, and delivered once it is committed.
 */
import Database from 'better-sqlite3';
import { requesterName } from '../access/principal.js';
import { currentRequester } from '../access/requester.js';
import type { EventHistory, NewEvent, StoredEvent } from '../event.js';
import { AuditStore } from './audit.js';
import { BuildStore } from './builds.js';
import { EventStore } from './events.js';
import { IdempotencyStore } from './idempotency.js';
import { InstanceStore } from './instances.js';
import { MachineStore } from './machines.js';
import { migrate, readMigrations } from './migrate.js';
import { OperationStore } from './operations.js';
import { translateSqliteError } from './store-errors.js';
import { TokenStore } from './tokens.js';
import { UpgradeStore } from './upgrades.js';

/** Another process has the file only by hand; waiting longer would stop the daemon's event loop. */
const BUSY_TIMEOUT_MS = 500;
const CHECKPOINT_EVERY_TRANSACTIONS = 500;

export interface StoreOptions {
  readonly path: string;
  readonly nowMs: () => number;
  readonly keepEvents?: number;
  readonly keepAudit?: number;
  readonly keepOperations?: number;
}

/** Thrown out of a transaction, so that it ends without its writes. */
class TriedOut extends Error {
  readonly result: unknown;

  constructor(result: unknown) {
    super('it was tried out');
    this.result = result;
  }
}

export type EventListener = (events: readonly StoredEvent[]) => void;

export class Store implements EventHistory {
  readonly machines: MachineStore;
  readonly instances: InstanceStore;
  readonly builds: BuildStore;
  readonly operations: OperationStore;
  readonly upgrades: UpgradeStore;
  readonly idempotency: IdempotencyStore;
  readonly events: EventStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  readonly path: string;
  readonly #db: Database.Database;
  readonly #nowMs: () => number;
  readonly #listeners = new Set<EventListener>();
  readonly #transaction: Database.Transaction<(work: () => unknown) => unknown>;
  /** Of the transaction under way. */
  #undelivered: StoredEvent[] = [];
  #committed: StoredEvent[] = [];
  #delivery: NodeJS.Immediate | null = null;
  #depth = 0;
  #sinceCheckpoint = 0;
  #pauses = 0;
  #synchronous: 'FULL' | 'OFF' = 'FULL';

  constructor({
    path,
    nowMs,
    keepEvents = 100_000,
    keepAudit = 100_000,
    keepOperations = 20_000,
  }: StoreOptions) {
    this.path = path;
    this.#nowMs = nowMs;
    try {
      this.#db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = FULL');
      this.#db.pragma('wal_autocheckpoint = 0');
      migrate(this.#db, readMigrations(), nowMs());
    } catch (thrown) {
      throw translateSqliteError(thrown, path);
    }
    this.machines = new MachineStore(this.#db, nowMs);
    this.instances = new InstanceStore(this.#db, nowMs);
    this.builds = new BuildStore(this.#db, nowMs);
    this.operations = new OperationStore(this.#db, nowMs, keepOperations);
    this.upgrades = new UpgradeStore(this.#db, nowMs);
    this.idempotency = new IdempotencyStore(this.#db, nowMs);
    this.events = new EventStore(this.#db, keepEvents);
    this.tokens = new TokenStore(this.#db);
    this.audit = new AuditStore(this.#db, nowMs, keepAudit);
    this.#transaction = this.#db.transaction((work: () => unknown) => work());
    this.durably(() => this.operations.prune());
  }

  durably<T>(work: () => T): T {
    return this.#write('FULL', work);
  }

  quickly<T>(work: () => T): T {
    return this.#write('OFF', work);
  }

  /** What the work would give. All that it writes is undone, and nobody is told of it. */
  tryOut<T>(work: () => T): T {
    if (this.#depth > 0) throw new Error('what is a part of something else cannot be tried out');
    try {
      return this.#write('OFF', () => {
        throw new TriedOut(work());
      });
    } catch (thrown) {
      if (thrown instanceof TriedOut) return thrown.result as T;
      throw thrown;
    }
  }

  /** Between these two a guest stands still: nothing that can wait may touch the disk. */
  beginPause(): void {
    this.#pauses += 1;
    this.#setSynchronous('OFF');
  }

  endPause(): void {
    this.#pauses -= 1;
  }

  get isPausing(): boolean {
    return this.#pauses > 0;
  }

  /** Throws unless the store can be read and its lock be had. Writes nothing. */
  check(): void {
    this.quickly(() => this.machines.byId(''));
  }

  /** Whether a write would be taken now. Leaves nothing. */
  isWritable(): boolean {
    if (this.#depth > 0 || this.#pauses > 0) return true;
    const nothing = new Error('to be rolled back');
    try {
      this.#transaction.immediate(() => {
        this.events.probe();
        throw nothing;
      });
    } catch (thrown) {
      return thrown === nothing;
    }
    return true;
  }

  /** Only inside a transaction. It says who asked. */
  emit(event: NewEvent): void {
    if (this.#depth === 0) throw new Error(`event ${event.type} must be written with what it reports`);
    const requester = requesterName(currentRequester());
    this.#undelivered.push(this.events.append(event, this.#nowMs(), requester));
  }

  /** SQLite's number of the level in force: 0 off, 2 full. */
  get synchronousLevel(): number {
    return this.#db.pragma('synchronous', { simple: true }) as number;
  }

  get pageCount(): number {
    return this.#db.pragma('page_count', { simple: true }) as number;
  }

  /** The store never grows beyond this: then, as with a full disk, writes are refused with `store_full`. */
  limitPages(pages: number): void {
    this.#db.pragma(`max_page_count = ${pages}`);
  }

  /** Listeners are called after each commit, in order of sequence. They must not throw. */
  onEvents(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#db.close();
  }

  #write<T>(synchronous: 'FULL' | 'OFF', work: () => T): T {
    if (this.#depth > 0) return work();
    let result: T;
    this.#depth += 1;
    try {
      this.#setSynchronous(synchronous);
      result = this.#transaction.immediate(work) as T;
    } catch (thrown) {
      this.#undelivered = [];
      throw translateSqliteError(thrown, this.path);
    } finally {
      this.#depth -= 1;
    }
    this.#committed.push(...this.#undelivered);
    this.#undelivered = [];
    this.#deliver();
    if (this.#pauses === 0) this.#maintain();
    return result;
  }

  #setSynchronous(level: 'FULL' | 'OFF'): void {
    if (this.#synchronous === level) return;
    this.#db.pragma(`synchronous = ${level}`);
    this.#synchronous = level;
  }

  /** While a guest stands still what is to be done for it goes first: the telling waits for the next turn. */
  #deliver(): void {
    if (this.#pauses > 0) this.#delivery ??= setImmediate(() => this.#deliverNow());
    else this.#deliverNow();
  }

  #deliverNow(): void {
    if (this.#delivery !== null) clearImmediate(this.#delivery);
    this.#delivery = null;
    if (this.#committed.length === 0) return;
    const events = this.#committed;
    this.#committed = [];
    for (const listener of this.#listeners) listener(events);
  }

  /** A failed checkpoint or pruning loses nothing: the next one does its work. */
  #maintain(): void {
    this.#sinceCheckpoint += 1;
    if (this.#sinceCheckpoint < CHECKPOINT_EVERY_TRANSACTIONS) return;
    this.#sinceCheckpoint = 0;
    try {
      this.#setSynchronous('FULL');
      this.events.prune();
      this.#db.pragma('wal_checkpoint(PASSIVE)');
    } catch (thrown) {
      if (!(thrown instanceof Database.SqliteError)) throw thrown;
    }
  }
}
