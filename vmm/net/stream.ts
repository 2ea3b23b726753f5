/**
 * Frames over a unix stream socket that another process serves (passt), each with its length before it in four bytes,
 * the highest first. A connection that breaks is made again if the options say so; what is sent meanwhile is lost.
 *
 * A frame may be half in the kernel when the guest is handed over. What was read of it and what is left to be sent go
 * with the guest's state, and the connection with its descriptor: the other side sees one client and whole frames.
 */
import { fstatSync } from 'node:fs';
import {
  closeFd,
  connectUnix,
  NativeError,
  readFd,
  setCloseOnExec,
  setNonBlocking,
  writePieces,
} from '../../native/index.js';
import type { CarriedDescriptor, CarryOutcome } from '../carried.js';
import { MAX_FRAME_BYTES, type NetUser } from '../devices/virtio-net/backend.js';
import { systemReason } from '../migration/system-reason.js';
import type { StreamOptions } from '../options/netdev-options.js';
import { MAX_HELD_BYTES, type Netdev, type NetdevEvents, type NetdevState } from './netdev.js';
import { Readiness } from './readiness.js';

const LENGTH_BYTES = 4;
/** The kernel takes 1024 at once. */
const MAX_PIECES = 1000;
const NOTHING = new Uint8Array();

interface Connection {
  readonly fd: number;
  readonly readiness: Readiness;
}

export class StreamNetdev implements Netdev {
  readonly options: StreamOptions;
  readonly hasHeader = false;
  readonly hasUso = false;
  readonly #events: NetdevEvents;
  readonly #buffer = new Uint8Array(MAX_HELD_BYTES);
  #start = 0;
  #end = 0;
  #lastBytes = 0;
  #unsent: Uint8Array = NOTHING;
  #connection: Connection | null = null;
  /** The connection came with the guest, and what is half through it comes with the state. */
  #cameWithGuest = false;
  /** Others have the descriptor too: it is not closed, and no other one is opened. */
  #isCarrying = false;
  #isOver = false;
  #user: NetUser | null = null;
  #isReading = false;
  #awaitsRoom = false;
  #timer: NodeJS.Timeout | null = null;
  #state = 'connecting';

  /** `carried`: what came with the guest, or null. */
  constructor(options: StreamOptions, carried: number | null, events: NetdevEvents) {
    this.options = options;
    this.#events = events;
    this.#cameWithGuest = carried !== null;
    if (carried !== null) this.#use(requireSocket(carried));
    else this.#connect();
  }

  get isNewHere(): boolean {
    return !this.#cameWithGuest;
  }

  get summary(): string {
    return this.#state;
  }

  start(user: NetUser): void {
    this.#user = user;
    this.#want();
  }

  stop(): void {
    this.#user = null;
    this.#isReading = false;
    this.#awaitsRoom = false;
    this.#want();
  }

  setReading(reading: boolean): void {
    this.#isReading = reading;
    this.#want();
  }

  receive(): Uint8Array | null {
    this.#lastBytes = 0;
    for (;;) {
      const frame = this.#nextFrame();
      if (frame !== null || !this.#readMore()) return frame;
    }
  }

  putBack(): void {
    this.#start -= this.#lastBytes;
    this.#lastBytes = 0;
  }

  send(pieces: readonly Uint8Array[]): boolean {
    if (this.#connection === null || this.#isOver) return true;
    if (!this.#flush()) return false;
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, lengthOf(pieces));
    const all = pieces.length < MAX_PIECES ? [length, ...pieces] : [length, Buffer.concat(pieces)];
    const sent = this.#write(all);
    if (sent === null) return false;
    if (sent < LENGTH_BYTES + lengthOf(pieces)) this.#unsent = Buffer.concat(all).subarray(sent);
    return true;
  }

  awaitWritable(): void {
    this.#awaitsRoom = true;
    this.#want();
  }

  setOffloads(): void {}

  carry(): readonly CarriedDescriptor[] {
    this.#isCarrying = true;
    this.#cancelTimer();
    if (this.#connection === null || this.#isOver) return [];
    return [{ name: `netdev/${this.options.id}`, id: 0, fd: this.#connection.fd }];
  }

  carried(outcome: CarryOutcome): void {
    if (outcome === 'gone') return;
    this.#isCarrying = false;
    if (this.#isOver) this.#disconnect();
    else if (this.#connection === null) this.#connectLater();
  }

  save(): NetdevState {
    const received = this.#buffer.slice(this.#start, this.#end);
    return { received, unsent: this.#unsent.slice(), offloads: 0 };
  }

  load({ received, unsent }: NetdevState): void {
    if (!this.#cameWithGuest) return;
    this.#buffer.set(received);
    this.#start = 0;
    this.#end = received.length;
    this.#unsent = unsent.slice();
  }

  close(): void {
    this.#cancelTimer();
    this.#letGo();
  }

  #connect(): void {
    this.#timer = null;
    const { path, fd } = this.options;
    try {
      this.#use(path === null ? inherited(fd) : connectUnix(path));
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      this.#state =
        this.options.reconnectMs > 0
          ? 'connecting'
          : `error: Failed to connect to '${path}': ${systemReason(error)}`;
      this.#connectLater();
      return;
    }
    this.#events.connected(this.options.id);
  }

  #connectLater(): void {
    const { reconnectMs, path } = this.options;
    if (reconnectMs === 0 || path === null || this.#isCarrying) return;
    this.#timer ??= setTimeout(() => this.#connect(), reconnectMs);
  }

  #cancelTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #use(fd: number): void {
    this.#connection = { fd, readiness: new Readiness(fd, () => this.#ready()) };
    this.#state = this.options.path === null ? `fd:${this.options.fd}` : `unix:${this.options.path}`;
    this.#want();
  }

  /** The other side has ended it, or does not keep to the form. */
  #lost(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection?.readiness.end();
    if (!this.#isCarrying) this.#disconnect();
  }

  #disconnect(): void {
    this.#letGo();
    this.#isOver = false;
    this.#cameWithGuest = false;
    this.#start = 0;
    this.#end = 0;
    this.#unsent = NOTHING;
    this.#state = this.options.reconnectMs > 0 ? 'connecting' : '';
    this.#events.disconnected(this.options.id);
    this.#connectLater();
  }

  #letGo(): void {
    if (this.#connection === null) return;
    this.#connection.readiness.end();
    closeFd(this.#connection.fd);
    this.#connection = null;
  }

  #want(): void {
    if (this.#connection === null || this.#isOver) return;
    const isStarted = this.#user !== null;
    const writing = this.#awaitsRoom || this.#unsent.length > 0;
    this.#connection.readiness.want(isStarted && this.#isReading, isStarted && writing);
  }

  #ready(): void {
    if (this.#user === null) return;
    if (this.#flush() && this.#awaitsRoom) {
      this.#awaitsRoom = false;
      this.#user.writable();
    }
    this.#want();
    if (this.#isReading) this.#user?.readable();
  }

  /** A frame that is wholly in the buffer. */
  #nextFrame(): Uint8Array | null {
    const available = this.#end - this.#start;
    if (available < LENGTH_BYTES) return null;
    const sizeBytes = new DataView(this.#buffer.buffer).getUint32(this.#start);
    if (sizeBytes === 0 || sizeBytes > MAX_FRAME_BYTES) {
      this.#lost();
      return null;
    }
    if (available < LENGTH_BYTES + sizeBytes) return null;
    const at = this.#start + LENGTH_BYTES;
    this.#lastBytes = LENGTH_BYTES + sizeBytes;
    this.#start += this.#lastBytes;
    return this.#buffer.subarray(at, at + sizeBytes);
  }

  #readMore(): boolean {
    if (this.#connection === null || this.#isOver) return false;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    try {
      const sizeBytes = readFd(this.#connection.fd, this.#buffer.subarray(this.#end));
      if (sizeBytes === null) return false;
      this.#end += sizeBytes;
      if (sizeBytes > 0) return true;
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
    }
    this.#lost();
    return false;
  }

  /** False: something is left. */
  #flush(): boolean {
    if (this.#unsent.length === 0) return true;
    const sent = this.#write([this.#unsent]);
    if (sent !== null) this.#unsent = this.#unsent.subarray(sent);
    return this.#unsent.length === 0;
  }

  /** How much went; null: nothing now. A connection that is lost takes everything. */
  #write(pieces: readonly Uint8Array[]): number | null {
    if (this.#connection === null || this.#isOver) return lengthOf(pieces);
    try {
      return writePieces(this.#connection.fd, pieces);
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      this.#lost();
      return lengthOf(pieces);
    }
  }
}

function requireSocket(carried: number): number {
  if (fstatSync(carried).isSocket()) return carried;
  closeFd(carried);
  throw new Error('what the source handed over is no socket');
}

function inherited(fd: number | null): number {
  if (fd === null) throw new Error('expected a path or a descriptor');
  setNonBlocking(fd);
  setCloseOnExec(fd, true);
  return fd;
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
