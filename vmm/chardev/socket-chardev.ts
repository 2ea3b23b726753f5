/**
 * A unix socket as a chardev, server or client. A server serves one client at a time; further ones wait in the
 * kernel, silent, until it is their turn. One that has hung up makes room for the next: what it had sent still reaches
 * a guest that reads, and is dropped only when the guest takes none of it while somebody waits (QEMU drops it at once).
 * A client that lost its server, or never found it, tries again every `reconnectMs`. The server's socket file is
 * removed at the end only while it is still our own.
 *
 * In the CPR modes listener and connection go with the guest. While they may be with two processes nobody is
 * accepted: who connects meanwhile waits for whoever has the guest then.
 */
import { acceptUnix, closeFd, connectUnix, type FdWatch, POLLIN, watchFd } from '../../native/index.js';
import type { CarriedDescriptor, CarriedDescriptors, CarryOutcome } from '../carried.js';
import type { SocketChardevOptions } from '../options/options.js';
import type { StatefulPart } from '../state/description.js';
import { inodeOf, UnixListener } from '../unix-listener.js';
import type { Chardev, ChardevSettings } from './chardev.js';
import { type ChardevState, describeChardev } from './chardev-state.js';
import { HandOver } from './hand-over.js';
import type { LogFile } from './log-file.js';
import { Peer } from './peer.js';

/** Clients beyond these are refused by the kernel. */
const MAX_WAITING = 8;

export class SocketChardev implements Chardev {
  readonly id: string;
  readonly terminal = null;
  readonly part: StatefulPart<ChardevState>;
  onReadable: () => void = () => {};
  onOpen: () => void = () => {};
  onClose: () => void = () => {};
  readonly #options: SocketChardevOptions;
  readonly #log: LogFile | null;
  readonly #peer: Peer;
  readonly #handOver: HandOver;
  #listener: UnixListener | null = null;
  /** The listener is with the source too. */
  #isShared = false;
  #watch: FdWatch | null = null;
  #reconnect: NodeJS.Timeout | null = null;
  #firstPeer: () => void = () => {};
  #isClosed = false;

  constructor(id: string, options: SocketChardevOptions, log: LogFile | null, settings: ChardevSettings) {
    this.id = id;
    this.#options = options;
    this.#log = log;
    this.#handOver = new HandOver(settings.awaitsGuest);
    this.#peer = new Peer(settings.backlogBytes, {
      onReadable: () => this.onReadable(),
      onLeaving: () => this.#settle(),
      onGone: () => this.#lost(),
    });
    this.part = {
      ...{ description: describeChardev(id), instanceId: 0 },
      // Without a hand-over of the client, what waits for it goes to it from here.
      save: () => (this.#handOver.isCarrying ? this.#peer.save() : null),
      load: (state) => this.#peer.load(state),
    };
    this.#peer.setQuiet(this.#handOver.isQuiet);
  }

  get isOpen(): boolean {
    return this.#peer.isConnected;
  }

  /** Goes on with what came with the guest, or listens or connects; with `wait` resolves when a client is there. */
  async open(received: CarriedDescriptors): Promise<void> {
    const peer = received.take(`chardev/${this.id}/peer`);
    if (peer !== null) this.#peer.attach(peer);
    if (!this.#options.server) {
      if (peer === null) this.#connectFirst();
      return;
    }
    this.#listen(received);
    if (!this.#options.wait || this.#isShared || peer !== null) return;
    await new Promise<void>((resolve) => {
      this.#firstPeer = resolve;
    });
  }

  get room(): number {
    return this.#peer.room;
  }

  write(bytes: Uint8Array): boolean {
    this.#log?.write(bytes);
    return this.#peer.write(bytes);
  }

  read(maxBytes: number): Uint8Array {
    return this.#peer.read(maxBytes);
  }

  setReading(reading: boolean): void {
    this.#peer.setReading(reading);
  }

  carry(): readonly CarriedDescriptor[] {
    this.#handOver.carry();
    this.#settle();
    const carried: CarriedDescriptor[] = [];
    const add = (what: string, fd: number) => carried.push({ name: `chardev/${this.id}/${what}`, id: 0, fd });
    if (this.#listener !== null) add(`listener:${this.#listener.inode}`, this.#listener.fd);
    if (this.#peer.isConnected && this.#peer.fd !== null) add('peer', this.#peer.fd);
    if (this.#log !== null) add('log', this.#log.fd);
    return carried;
  }

  carried(outcome: CarryOutcome): void {
    this.#handOver.carried(outcome);
    this.#settle();
  }

  guestRuns(runs: boolean): void {
    this.#handOver.guestRuns(runs);
    this.#settle();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#reconnect !== null) clearTimeout(this.#reconnect);
    this.#watch?.end();
    await this.#peer.flush();
    this.#letPeerGo();
    if (this.#handOver.isCarrying || this.#isWaitingForShared) this.#listener?.abandon();
    else this.#listener?.close();
    this.#log?.close();
  }

  get #isWaitingForShared(): boolean {
    return this.#isShared && this.#handOver.isFixed;
  }

  #listen(received: CarriedDescriptors): void {
    const { path } = this.#options;
    const carried = received.takeTagged(`chardev/${this.id}/listener`);
    this.#isShared = carried !== null && carried.tag === inodeOf(path);
    if (carried !== null && !this.#isShared) closeFd(carried.fd);
    const listener = new UnixListener(path, MAX_WAITING, this.#isShared ? (carried?.fd ?? null) : null);
    this.#listener = listener;
    this.#watch = watchFd(listener.fd, () => this.#accept());
    this.#settle();
  }

  /** What may be done now, is. */
  #settle(): void {
    if (this.#isClosed) return;
    this.#peer.setQuiet(this.#handOver.isQuiet);
    const mayChange = !this.#handOver.isCarrying && !this.#isWaitingForShared;
    if (mayChange && this.#peer.fd !== null && !this.#peer.isConnected) this.#letPeerGo();
    const isFree = mayChange && this.#peer.fd === null;
    const isLeaving = mayChange && this.#peer.isLeaving;
    this.#watch?.set(isFree || isLeaving ? POLLIN : 0);
    if (this.#options.server) return;
    if (isFree) this.#connectLater();
    else if (isLeaving) this.#peer.hurry();
  }

  #accept(): void {
    if (this.#listener === null) return;
    if (this.#peer.fd !== null) {
      this.#watch?.set(0); // until the place is free
      this.#peer.hurry();
      return;
    }
    const fd = acceptUnix(this.#listener.fd);
    if (fd !== null) this.#use(fd);
  }

  #use(fd: number): void {
    this.#peer.attach(fd);
    this.#settle();
    this.#firstPeer();
    this.onOpen();
  }

  #lost(): void {
    this.onClose();
    this.#settle();
  }

  #letPeerGo(): void {
    const fd = this.#peer.release();
    if (fd !== null) closeFd(fd);
  }

  #connectFirst(): void {
    try {
      this.#connect();
    } catch (error) {
      if (this.#options.reconnectMs === 0) throw error;
      this.#connectLater();
    }
  }

  #connect(): void {
    this.#use(connectUnix(this.#options.path));
  }

  #connectLater(): void {
    if (this.#options.reconnectMs === 0 || this.#reconnect !== null) return;
    this.#reconnect = setTimeout(() => {
      this.#reconnect = null;
      if (this.#isClosed || this.#peer.fd !== null || this.#handOver.isCarrying) return;
      try {
        this.#connect();
      } catch {
        this.#connectLater();
      }
    }, this.#options.reconnectMs);
  }
}
