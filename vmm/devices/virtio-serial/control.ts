/**
 * The control queues (virtio 1.2, section 5.3.6.2): how guest and host tell one another of ports.
 *
 *     guest   DEVICE_READY                    host   PORT_ADD for each port
 *             PORT_READY                             CONSOLE_PORT, PORT_NAME, PORT_OPEN as they apply
 *             PORT_OPEN 1 or 0                       PORT_OPEN 1 or 0 when the host's side opens or closes
 *
 * Messages wait for buffers of the guest; while too many wait, none of the guest's are taken.
 */
import type { VirtioHost } from '../virtio/device.js';
import type { Virtqueue } from '../virtio/queue.js';
import { MAX_ANSWERS, MESSAGE_BYTES } from './state.js';

const RECEIVE_QUEUE = 2;
const TRANSMIT_QUEUE = 3;

export const DEVICE_READY = 0;
export const PORT_ADD = 1;
export const PORT_READY = 3;
export const CONSOLE_PORT = 4;
export const PORT_OPEN = 6;
export const PORT_NAME = 7;

export interface Message {
  readonly nr: number;
  readonly event: number;
  readonly value: number;
}

export interface ControlEvents {
  heard(message: Message): void;
  /** What goes behind a PORT_NAME. */
  nameOf(nr: number): string;
}

export class ControlQueues {
  readonly #host: VirtioHost;
  readonly #events: ControlEvents;
  #waiting: Message[];

  constructor(host: VirtioHost, events: ControlEvents, waiting: Uint8Array) {
    this.#host = host;
    this.#events = events;
    this.#waiting = decode(waiting);
  }

  save(): Uint8Array {
    const bytes = new Uint8Array(this.#waiting.length * MESSAGE_BYTES);
    for (const [index, message] of this.#waiting.entries()) bytes.set(encode(message), index * MESSAGE_BYTES);
    return bytes;
  }

  reset(): void {
    this.#waiting = [];
  }

  /** Takes its place behind what waits. Call `flush` afterwards. */
  send(nr: number, event: number, value: number): void {
    // Of a port that opens and closes while the guest does not listen, the last word counts.
    if (event === PORT_OPEN) {
      this.#waiting = this.#waiting.filter((message) => message.nr !== nr || message.event !== PORT_OPEN);
    }
    this.#waiting.push({ nr, event, value });
  }

  /** Hears and tells until one side has no more. Throws `QueueError`. */
  flush(): void {
    do this.#tell();
    while (this.#hear());
  }

  /** True when something was heard, which may have left something to tell. */
  #hear(): boolean {
    const queue = this.#queue(TRANSMIT_QUEUE);
    let isUsed = false;
    while (this.#waiting.length < MAX_ANSWERS) {
      const chain = queue.pop();
      if (chain === null) break;
      const bytes = chain.read(0, MESSAGE_BYTES);
      queue.push(chain.head, 0);
      isUsed = true;
      for (const message of decode(bytes)) this.#events.heard(message);
    }
    if (isUsed) this.#host.signal(TRANSMIT_QUEUE);
    return isUsed;
  }

  #tell(): void {
    const queue = this.#queue(RECEIVE_QUEUE);
    let told = 0;
    for (const message of this.#waiting) {
      const chain = queue.pop();
      if (chain === null) break;
      queue.push(chain.head, chain.write(0, this.#onWire(message)));
      told++;
    }
    if (told === 0) return;
    this.#waiting = this.#waiting.slice(told);
    this.#host.signal(RECEIVE_QUEUE);
  }

  #onWire(message: Message): Uint8Array {
    const head = encode(message);
    if (message.event !== PORT_NAME) return head;
    const name = new TextEncoder().encode(`${this.#events.nameOf(message.nr)}\0`);
    const bytes = new Uint8Array(head.length + name.length);
    bytes.set(head);
    bytes.set(name, head.length);
    return bytes;
  }

  #queue(index: number): Virtqueue {
    return this.#host.queues[index] as Virtqueue;
  }
}

function encode({ nr, event, value }: Message): Uint8Array {
  const view = new DataView(new ArrayBuffer(MESSAGE_BYTES));
  view.setUint32(0, nr, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  return new Uint8Array(view.buffer);
}

/** What is no whole message is none. */
function decode(bytes: Uint8Array): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Message[] = [];
  for (let at = 0; at + MESSAGE_BYTES <= bytes.length; at += MESSAGE_BYTES) {
    messages.push({
      nr: view.getUint32(at, true),
      event: view.getUint16(at + 4, true),
      value: view.getUint16(at + 6, true),
    });
  }
  return messages;
}
