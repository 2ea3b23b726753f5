/**
 * A tap interface of the host's. One frame is one read or write; what the guest does not take waits in the queue of
 * the interface, for this process or the next one.
 *
 * The length of headers and the offloads are the interface's, not the descriptor's: of one that came with a guest they
 * are not touched before the guest runs here, and then only if the guest wants something else.
 */
import { release } from 'node:os';
import {
  closeFd,
  describeTap,
  NativeError,
  openTap,
  readFd,
  setCloseOnExec,
  setNonBlocking,
  setTapHeaderBytes,
  setTapOffloads,
  setTapSendBuffer,
  writePieces,
} from '../../native/index.js';
import type { CarriedDescriptor } from '../carried.js';
import { HEADER_BYTES, MAX_FRAME_BYTES, type NetUser } from '../devices/virtio-net/backend.js';
import type { TapOptions } from '../options/netdev-options.js';
import type { Netdev, NetdevState } from './netdev.js';
import { Readiness } from './readiness.js';

/** Without a limit, as the kernel has it. */
const UNLIMITED_BYTES = 2 ** 31 - 1;
/** What only this frame suffers from: a header that makes no sense, an interface that is down, no memory. */
const FRAME_IS_LOST = ['EINVAL', 'EIO', 'ENOBUFS', 'ENOMEM', 'EMSGSIZE', 'EFAULT'];
const NOTHING = new Uint8Array();

export class TapNetdev implements Netdev {
  readonly options: TapOptions;
  readonly hasHeader: boolean;
  readonly hasUso: boolean;
  readonly isNewHere: boolean;
  readonly #fd: number;
  readonly #name: string;
  readonly #readiness: Readiness;
  readonly #buffer = new Uint8Array(MAX_FRAME_BYTES);
  #user: NetUser | null = null;
  #isReading = false;
  #awaitsRoom = false;
  /** Length of the frame that `receive` gave last. */
  #lastBytes = 0;
  /** Length of the frame in the buffer that nobody has taken. */
  #heldBytes = 0;
  /** What the interface is set to; null: not known. */
  #offloads: number | null;
  #failure: string | null = null;
  #isClosed = false;

  /** `carried`: what came with the guest, or null. */
  constructor(options: TapOptions, carried: number | null) {
    this.options = options;
    this.isNewHere = carried === null;
    this.#fd = carried ?? openHere(options);
    try {
      const { name, isTap, hasHeader } = describeTap(this.#fd);
      if (!isTap) throw new Error(`expected a tap interface, '${name}' is a tun interface`);
      this.#name = name;
      this.hasHeader = hasHeader;
      this.hasUso = hasHeader && kernelHasUso();
      if (carried === null) this.#setUp();
      this.#offloads = carried === null ? 0 : null;
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
    this.#readiness = new Readiness(this.#fd, () => this.#ready());
  }

  get summary(): string {
    if (this.#failure !== null) return `error: ${this.#failure}`;
    const { fd } = this.options;
    return fd === null ? `ifname=${this.#name},script=no,downscript=no` : `fd=${fd}`;
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
    this.#lastBytes = this.#heldBytes > 0 ? this.#heldBytes : this.#read();
    this.#heldBytes = 0;
    return this.#lastBytes === 0 ? null : this.#buffer.subarray(0, this.#lastBytes);
  }

  putBack(): void {
    this.#heldBytes = this.#lastBytes;
  }

  send(pieces: readonly Uint8Array[]): boolean {
    if (this.#failure !== null) return true;
    try {
      return writePieces(this.#fd, pieces) !== null;
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      if (!FRAME_IS_LOST.includes(error.code)) this.#fail(error);
      return true;
    }
  }

  awaitWritable(): void {
    this.#awaitsRoom = true;
    this.#want();
  }

  setOffloads(offloads: number): void {
    if (!this.hasHeader || offloads === this.#offloads || this.#failure !== null) return;
    setTapOffloads(this.#fd, offloads);
    this.#offloads = offloads;
  }

  carry(): readonly CarriedDescriptor[] {
    return [{ name: `netdev/${this.options.id}`, id: 0, fd: this.#fd }];
  }

  carried(): void {}

  save(): NetdevState {
    const received = this.#buffer.slice(0, this.#heldBytes);
    return { received, unsent: NOTHING, offloads: this.#offloads ?? 0 };
  }

  load({ received, offloads }: NetdevState): void {
    if (this.isNewHere) return;
    this.#buffer.set(received.subarray(0, MAX_FRAME_BYTES));
    this.#heldBytes = Math.min(received.length, MAX_FRAME_BYTES);
    this.#offloads = offloads;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#readiness.end();
    closeFd(this.#fd);
  }

  #setUp(): void {
    const { sendBufferBytes } = this.options;
    if (this.hasHeader) setTapHeaderBytes(this.#fd, HEADER_BYTES);
    // Whoever had it before may have left others.
    setTapOffloads(this.#fd, 0);
    setTapSendBuffer(this.#fd, sendBufferBytes === 0 ? UNLIMITED_BYTES : sendBufferBytes);
  }

  #want(): void {
    if (this.#isClosed || this.#failure !== null) return;
    this.#readiness.want(this.#user !== null && this.#isReading, this.#awaitsRoom);
  }

  #ready(): void {
    if (this.#awaitsRoom) {
      this.#awaitsRoom = false;
      this.#want();
      this.#user?.writable();
    }
    if (this.#isReading) this.#user?.readable();
  }

  #read(): number {
    if (this.#failure !== null) return 0;
    try {
      return readFd(this.#fd, this.#buffer) ?? 0;
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      this.#fail(error);
      return 0;
    }
  }

  /** The interface is gone; a guest sees a cable that leads nowhere. */
  #fail(error: NativeError): void {
    this.#readiness.end();
    this.#failure = error.message;
  }
}

function openHere({ interfaceName, fd, header }: TapOptions): number {
  if (fd !== null) {
    setNonBlocking(fd);
    setCloseOnExec(fd, true);
    return fd;
  }
  return openTap(interfaceName ?? '', header ?? true);
}

/** The kernel tells it only by trying, which would change an interface that another process uses. */
function kernelHasUso(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}
