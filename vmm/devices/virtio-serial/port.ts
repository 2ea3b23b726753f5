/**
 * One port: bytes both ways between two queues and the host. Nothing is taken from the host before the guest has
 * opened the port and given buffers; what the host does not take waits in the guest's ring, un-used. When nobody is
 * at the host's end, output is given back as if it had been written, so that no program in the guest hangs.
 */
import type { VirtioHost } from '../virtio/device.js';
import type { Virtqueue } from '../virtio/queue.js';
import type { PortSpec, PortUser } from './host-port.js';

/** Output goes to the host in pieces of this size. */
const PIECE_BYTES = 16 * 1024;
/** A guest that prints on and on lets others work after this much. */
const TURN_BYTES = 128 * 1024;

export interface PortState {
  guestReady: boolean;
  guestOpen: boolean;
  hostOpen: boolean;
  outputDone: number;
}

export interface PortQueues {
  readonly receive: number;
  readonly transmit: number;
}

export class Port implements PortUser {
  readonly spec: PortSpec;
  readonly state: PortState;
  readonly #host: VirtioHost;
  readonly #queues: PortQueues;
  readonly #tellGuest: (port: Port) => void;
  #runs = false;
  /** The guest has opened it; without several ports the only one is open while the driver is there. */
  #isUsed = false;

  /** `tellGuest`: the host's side may have opened or closed. Throws `QueueError`. */
  constructor(
    host: VirtioHost,
    spec: PortSpec,
    queues: PortQueues,
    state: PortState,
    tellGuest: (port: Port) => void,
  ) {
    this.#host = host;
    this.spec = spec;
    this.#queues = queues;
    this.state = state;
    this.#tellGuest = tellGuest;
  }

  /** A console is always connected: who looks at it comes and goes, and the guest prints on. */
  get isConnected(): boolean {
    const { host, isConsole } = this.spec;
    return host !== null && (isConsole || host.isOpen);
  }

  resume(isUsed: boolean): void {
    if (!this.#runs) this.spec.host?.attach(this);
    this.#runs = true;
    this.#tellGuest(this);
    this.use(isUsed);
    this.flushOutput();
  }

  pause(): void {
    if (!this.#runs) return;
    this.#runs = false;
    this.spec.host?.setReading(false);
    this.spec.host?.attach(null);
  }

  /** The driver is gone. */
  reset(): void {
    Object.assign(this.state, {
      guestReady: false,
      guestOpen: false,
      hostOpen: false,
      outputDone: 0,
    } satisfies PortState);
    this.#isUsed = false;
    this.spec.guestOpened(false);
  }

  use(isUsed: boolean): void {
    this.#isUsed = isUsed;
    this.spec.guestOpened(this.state.guestOpen);
    this.listen();
  }

  readable(): void {
    this.#host.attempt(() => this.#takeInput());
  }

  changed(): void {
    this.#host.attempt(() => {
      this.#tellGuest(this);
      this.flushOutput();
    });
  }

  writable(): void {
    this.#host.attempt(() => this.flushOutput());
  }

  /** The host's side is read while the guest has it open and has room. Throws `QueueError`. */
  listen(): void {
    if (this.#runs)
      this.spec.host?.setReading(this.#isUsed && this.#queue(this.#queues.receive).hasAvailable);
  }

  /** Gives the host what the guest has written. Throws `QueueError`. */
  flushOutput(): void {
    if (!this.#runs) return;
    const queue = this.#queue(this.#queues.transmit);
    let leftBytes = TURN_BYTES;
    let isUsed = false;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const sizeBytes = this.isConnected ? chain.readableBytes : 0;
      let { outputDone: at } = this.state;
      while (at < sizeBytes && leftBytes > 0) {
        const piece = chain.read(at, Math.min(PIECE_BYTES, leftBytes));
        if (!this.spec.host?.write(piece)) break;
        at += piece.length;
        leftBytes -= piece.length;
      }
      if (at < sizeBytes) {
        this.state.outputDone = at;
        queue.unpop();
        this.spec.host?.awaitWritable();
        break;
      }
      this.state.outputDone = 0;
      queue.push(chain.head, 0);
      isUsed = true;
    }
    if (isUsed) this.#host.signal(this.#queues.transmit);
  }

  #takeInput(): void {
    const { host } = this.spec;
    if (!this.#runs || !this.#isUsed || host === null) return;
    const queue = this.#queue(this.#queues.receive);
    let leftBytes = TURN_BYTES;
    let isGiven = false;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const room = Math.min(chain.writableBytes, leftBytes);
      const bytes = host.read(room);
      if (bytes.length === 0 && chain.writableBytes > 0) {
        queue.unpop();
        break;
      }
      queue.push(chain.head, chain.write(0, bytes));
      leftBytes -= bytes.length;
      isGiven = true;
    }
    if (isGiven) this.#host.signal(this.#queues.receive);
    this.listen();
  }

  #queue(index: number): Virtqueue {
    return this.#host.queues[index] as Virtqueue;
  }
}
