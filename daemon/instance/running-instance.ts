/**
 * One VMM process as the daemon sees it: its monitor while it answers, what it last said of itself, and its
 * end, noticed whether it is our child or was adopted after a restart. Holds no policy: it reports to its
 * owner, the actor of its machine.
 */
import type { InstancePaths, ProcessIdentity } from '../instance.js';
import { until, within } from './deadline.js';
import { type GuestEvent, guestEventOf } from './guest-event.js';
import type { HostProcesses } from './host.js';
import type { ProcessEnd } from './program-starter.js';
import { QmpClient, type QmpEvent } from './qmp-client.js';
import { QmpDisconnected } from './qmp-errors.js';

/** How often an adopted process is looked at; its monitor's end is noticed at once. */
const ADOPTED_CHECK_MS = 500;
const CONNECT_RETRY_MS = 5;
const LAST_WORDS_DEADLINE_MS = 250;
const RECONNECT_AFTER_MS = 1_000;
const RECONNECT_DEADLINE_MS = 5_000;

export class InstanceEnded extends Error {
  constructor(generation: number, end: ProcessEnd) {
    super(`the VMM process of generation ${generation} ended (${describeEnd(end)})`);
    this.name = 'InstanceEnded';
  }
}

export function describeEnd({ exitCode, exitSignal }: ProcessEnd): string {
  if (exitSignal !== null) return `signal ${exitSignal}`;
  return exitCode === null ? 'how is not known' : `exit code ${exitCode}`;
}

export interface RunStatus {
  readonly running: boolean;
  readonly status: string;
}

export interface InstanceOwner {
  /** STOP, RESUME, SHUTDOWN, a lost or regained monitor: something to look at. */
  instanceChanged(instance: RunningInstance): void;
  instanceEnded(instance: RunningInstance, end: ProcessEnd): void;
  guestTold(instance: RunningInstance, event: GuestEvent): void;
}

export interface RunningInstanceOptions {
  readonly generation: number;
  readonly paths: InstancePaths;
  readonly process: ProcessIdentity;
  /** Known for our own children only. */
  readonly end: Promise<ProcessEnd> | null;
  readonly host: HostProcesses;
  readonly owner: InstanceOwner;
}

export class RunningInstance {
  readonly generation: number;
  readonly paths: InstancePaths;
  readonly process: ProcessIdentity;
  /** Aborted, with an `InstanceEnded`, when the process has ended. */
  readonly gone: AbortSignal;
  readonly ended: Promise<ProcessEnd>;
  readonly #host: HostProcesses;
  readonly #owner: InstanceOwner;
  readonly #childEnd: Promise<ProcessEnd> | null;
  readonly #gone = new AbortController();
  #end: ProcessEnd | null = null;
  #onEnd: (end: ProcessEnd) => void = () => undefined;
  #qmp: QmpClient | null = null;
  #runStatus: RunStatus | null = null;
  #shutdownReason: string | null = null;
  #checkTimer: NodeJS.Timeout | null = null;
  #reconnectTimer: NodeJS.Timeout | null = null;
  #released = false;

  constructor({ generation, paths, process, end, host, owner }: RunningInstanceOptions) {
    this.generation = generation;
    this.paths = paths;
    this.process = process;
    this.#host = host;
    this.#owner = owner;
    this.#childEnd = end;
    this.gone = this.#gone.signal;
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
    if (end === null) {
      this.#checkTimer = setInterval(() => this.#check(), ADOPTED_CHECK_MS).unref();
    } else {
      void end.then((how) => this.#drain(how));
    }
  }

  get hasEnded(): boolean {
    return this.#end !== null;
  }

  /** What the last STOP, RESUME or query-status said; null before the first. */
  get runStatus(): RunStatus | null {
    return this.#runStatus;
  }

  /** The reason of its SHUTDOWN event, if it said one before it ended. */
  get shutdownReason(): string | null {
    return this.#shutdownReason;
  }

  get isAnswering(): boolean {
    return this.#qmp?.isOpen ?? false;
  }

  /** The monitor. Throws when there is no connection to it. */
  get qmp(): QmpClient {
    if (this.#qmp === null) throw new QmpDisconnected("there is no connection to the VMM's monitor");
    return this.#qmp;
  }

  /** Waits for the monitor to appear, negotiates, and asks for the run state. */
  async connect({ deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal }): Promise<void> {
    const stop = signal === undefined ? this.gone : AbortSignal.any([signal, this.gone]);
    const giveUpAtMs = performance.now() + deadlineMs;
    const client = await until(
      () => this.#tryConnect(giveUpAtMs, stop),
      { deadlineMs, what: `a monitor at ${this.paths.qmp}`, signal: stop },
      CONNECT_RETRY_MS,
    );
    this.#qmp = client;
    void client.closed.then(() => this.#disconnected(client));
    await this.queryStatus({ deadlineMs: Math.max(1, giveUpAtMs - performance.now()), signal: stop });
  }

  async queryStatus(options: { deadlineMs?: number; signal?: AbortSignal } = {}): Promise<RunStatus> {
    const { running, status } = await this.qmp.execute<RunStatus>('query-status', {}, options);
    this.#runStatus = { running: running === true, status: String(status) };
    return this.#runStatus;
  }

  /** It left a question open: what it said before is worth nothing. It answers again when a new connection says so. */
  doubt(): void {
    this.#qmp?.close();
  }

  /** When the process is known to have ended: resolves when that is recorded. */
  async endRecorded(): Promise<ProcessEnd> {
    this.#check();
    return this.ended;
  }

  /** The daemon goes away, the process stays. */
  release(): void {
    this.#released = true;
    this.#stopTimers();
    this.#qmp?.close();
  }

  /** Its process runs another program: this instance has ended, its owner knows, and another one goes on. */
  replacedBy(generation: number, paths: InstancePaths): RunningInstance {
    const { process } = this;
    const parts = { process, end: this.#childEnd, host: this.#host, owner: this.#owner };
    const successor = new RunningInstance({ generation, paths, ...parts });
    this.#setEnded({ exitCode: null, exitSignal: null });
    return successor;
  }

  /** Null: not there yet, or it hung up without a greeting as a listener in transition does. */
  async #tryConnect(giveUpAtMs: number, signal: AbortSignal): Promise<QmpClient | null> {
    try {
      return await QmpClient.connect(this.paths.qmp, {
        deadlineMs: Math.max(1, giveUpAtMs - performance.now()),
        signal,
        onEvent: (event) => this.#heard(event),
      });
    } catch (error) {
      if (error instanceof QmpDisconnected) return null;
      throw error;
    }
  }

  #heard(said: QmpEvent): void {
    const { event, data } = said;
    const told = guestEventOf(said);
    if (told !== null) this.#owner.guestTold(this, told);
    if (event === 'STOP') this.#runStatus = { running: false, status: 'paused' };
    else if (event === 'RESUME') this.#runStatus = { running: true, status: 'running' };
    else if (event === 'SHUTDOWN') this.#shutdownReason = String(data?.reason ?? 'unknown');
    else return;
    this.#owner.instanceChanged(this);
  }

  #disconnected(client: QmpClient): void {
    if (this.#released || this.#qmp !== client || this.hasEnded) return;
    this.#check();
    if (this.hasEnded) return;
    this.#owner.instanceChanged(this);
    this.#reconnectTimer = setTimeout(() => void this.#reconnect(), RECONNECT_AFTER_MS).unref();
  }

  /** A monitor that does not answer leaves the machine unresponsive; it is tried again until it does. */
  async #reconnect(): Promise<void> {
    try {
      await this.connect({ deadlineMs: RECONNECT_DEADLINE_MS });
      this.#owner.instanceChanged(this);
    } catch {
      if (this.#released || this.hasEnded) return;
      this.#reconnectTimer = setTimeout(() => void this.#reconnect(), RECONNECT_AFTER_MS).unref();
    }
  }

  /** For tries that start without a connection, after a restart of the daemon. */
  reconnectLater(): void {
    this.#reconnectTimer ??= setTimeout(() => void this.#reconnect(), RECONNECT_AFTER_MS).unref();
  }

  /** The death of a child can be known before its last words are read: SHUTDOWN says why it ended. */
  async #drain(end: ProcessEnd): Promise<void> {
    if (this.#qmp !== null) {
      const wait = { deadlineMs: LAST_WORDS_DEADLINE_MS, what: 'the end of the monitor' };
      await within(this.#qmp.closed, wait).catch(() => undefined);
    }
    this.#setEnded(end);
  }

  #check(): void {
    if (this.#host.isAlive(this.process)) return;
    if (this.#checkTimer !== null) this.#setEnded({ exitCode: null, exitSignal: null });
  }

  #setEnded(end: ProcessEnd): void {
    if (this.hasEnded || this.#released) return;
    this.#end = end;
    this.#stopTimers();
    this.#gone.abort(new InstanceEnded(this.generation, end));
    this.#qmp?.close();
    this.#onEnd(end);
    this.#owner.instanceEnded(this, end);
  }

  #stopTimers(): void {
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer);
    if (this.#reconnectTimer !== null) clearTimeout(this.#reconnectTimer);
  }
}
