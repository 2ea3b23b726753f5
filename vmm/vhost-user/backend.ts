/**
 * A vhost-user backend: greets it, gives it the guest's RAM, and starts and stops its rings. The connection may go
 * on to another process with the guest: rings are stopped then, and set up again by whoever runs the guest, with
 * eventfds of its own. Addresses in messages are guest addresses, which are the same in all processes.
 */
import {
  closeFd,
  connectUnix,
  createEventFd,
  type FdWatch,
  POLLIN,
  readFd,
  watchFd,
  writeFd,
} from '../../native/index.js';
import type { BackendFacts, BackendUser, Ring, RingBackend } from '../devices/vhost-user/backend.js';
import { VhostUserConnection } from './connection.js';
import {
  FEATURE_PROTOCOL_FEATURES,
  joinBytes,
  VhostUserError,
  wordOf,
  words32,
  words64,
} from './messages.js';

const GREETING_DEADLINE_MS = 10_000;
const STOP_NOW_DEADLINE_MS = 1000;
const ONE = words64(1);

export interface GuestRam {
  readonly fd: number;
  readonly baseAddress: number;
  readonly sizeBytes: number;
}

/** Asks a new backend what it is like, and tells it what it is for. Rejects with what is wrong with it. */
export type Greet = (connection: VhostUserConnection, ram: GuestRam) => Promise<BackendFacts>;

export interface BackendSettings {
  readonly greet: Greet;
  readonly ram: GuestRam;
  /** Called once, when it is broken. */
  readonly broke: (reason: string) => void;
}

export class VhostUserBackend implements RingBackend {
  #facts: BackendFacts | null = null;
  #broken: string | null = null;
  #user: BackendUser | null = null;
  #kicks = new Map<number, number>();
  readonly #connection: VhostUserConnection;
  readonly #settings: BackendSettings;
  readonly #callFd: number;
  readonly #callWatch: FdWatch;

  /** Owns `fd` from here on, a connection. */
  constructor(fd: number, settings: BackendSettings) {
    this.#settings = settings;
    this.#connection = new VhostUserConnection(fd);
    this.#connection.onEnd = (reason) => this.#break(reason.message);
    this.#callFd = createEventFd();
    this.#callWatch = watchFd(this.#callFd, () => this.#called());
  }

  /** One that greets a new backend. Rejects with what is wrong with it. */
  static async connect(path: string, settings: BackendSettings): Promise<VhostUserBackend> {
    const backend = new VhostUserBackend(connectUnix(path), settings);
    try {
      backend.#connection.setQuiet(false);
      backend.#facts = await within(
        settings.greet(backend.#connection, settings.ram),
        GREETING_DEADLINE_MS,
        `${path} does not answer: does it serve another VMM?`,
      );
      return backend;
    } catch (error) {
      backend.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#connection.fd;
  }

  get facts(): BackendFacts | null {
    return this.#facts;
  }

  get broken(): string | null {
    return this.#broken;
  }

  learn(facts: BackendFacts): void {
    this.#facts ??= facts;
  }

  /** While quiet nothing of it is heard: others may be speaking with it. */
  setQuiet(quiet: boolean): void {
    this.#connection.setQuiet(quiet);
  }

  start(user: BackendUser, features: readonly [number, number], rings: readonly Ring[]): void {
    this.#user = user;
    const connection = this.#connection;
    const [low, high] = features;
    connection.send('setFeatures', words32((low | (1 << FEATURE_PROTOCOL_FEATURES)) >>> 0, high));
    this.#closeKicks();
    for (const { index, size, descriptors, available, used, base } of rings) {
      const kick = createEventFd();
      this.#kicks.set(index, kick);
      connection.send('setVringNum', words32(index, size));
      connection.send('setVringBase', words32(index, base));
      connection.send('setVringAddr', joinBytes(words32(index, 0), words64(descriptors, used, available, 0)));
      connection.send('setVringCall', words64(index), [this.#callFd]);
      connection.send('setVringKick', words64(index), [kick]);
      connection.send('setVringEnable', words32(index, 1));
      writeFd(kick, ONE); // what was made available meanwhile
    }
    this.#callWatch.set(POLLIN);
  }

  kick(ring: number): void {
    const fd = this.#kicks.get(ring);
    if (fd !== undefined) writeFd(fd, ONE);
  }

  async stop(rings: readonly number[]): Promise<readonly number[]> {
    const answers = rings.map((index) => this.#connection.ask('getVringBase', words32(index, 0)));
    const bases = (await Promise.all(answers)).map((payload) => wordOf(payload, 4));
    this.#stopped();
    return bases;
  }

  stopNow(rings: readonly number[], isIdle: () => boolean): void {
    const until = performance.now() + STOP_NOW_DEADLINE_MS;
    const waitFor = (isDone: () => boolean) => {
      while (!isDone() && this.#connection.ended === null) {
        if (performance.now() > until) {
          this.#break('it does not stop for a reset');
          return;
        }
        Atomics.wait(SLEEP, 0, 0, 0.1);
        this.#connection.ready();
      }
    };
    waitFor(isIdle);
    let answers = 0;
    for (const index of rings) {
      // It is counted as soon as it is there, and not when the event loop turns.
      this.#connection.hear('getVringBase', words32(index, 0), () => answers++);
    }
    waitFor(() => answers === rings.length);
    this.#stopped();
  }

  setConfig(offset: number, bytes: Uint8Array): void {
    this.#connection.send('setConfig', joinBytes(words32(offset, bytes.length, 0), bytes));
  }

  turn(afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (afterMs === 0) setImmediate(resolve);
      else setTimeout(resolve, afterMs);
    });
  }

  close(): void {
    this.#user = null;
    this.#callWatch.end();
    closeFd(this.#callFd);
    this.#closeKicks();
    this.#connection.close();
  }

  #called(): void {
    readFd(this.#callFd, new Uint8Array(8));
    this.#user?.called();
  }

  #stopped(): void {
    this.#callWatch.set(0);
    readFd(this.#callFd, new Uint8Array(8));
    this.#user = null;
    this.#closeKicks();
  }

  #closeKicks(): void {
    for (const fd of this.#kicks.values()) closeFd(fd);
    this.#kicks.clear();
  }

  #break(reason: string): void {
    if (this.#broken !== null) return;
    this.#broken = reason;
    this.#callWatch.set(0);
    this.#settings.broke(reason);
    this.#user?.broke(reason);
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4));

async function within<T>(promise: Promise<T>, deadlineMs: number, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new VhostUserError(`${otherwise} (${deadlineMs} ms)`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
