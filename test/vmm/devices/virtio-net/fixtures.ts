/** A backend for tests: frames to be received are put in, frames that were sent are kept. */
import type { NetBackend, NetUser } from '../../../../vmm/devices/virtio-net/backend.js';
import { FEATURE, type FeatureName } from '../../../../vmm/devices/virtio-net/features.js';
import { type NetProperties, virtioNet } from '../../../../vmm/devices/virtio-net/part.js';

export const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
export const PEER = Uint8Array.of(2, 0, 0, 0, 0, 1);
export const BROADCAST = new Uint8Array(6).fill(0xff);

export class FakeBackend implements NetBackend {
  readonly hasHeader: boolean;
  readonly hasUso: boolean;
  isNewHere = false;
  readonly waiting: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  offloads = -1;
  /** Frames that `send` takes before it has no room. */
  room = Number.POSITIVE_INFINITY;
  isReading = false;
  awaitsRoom = false;
  /** Calls that are only allowed while started, and were made while not. */
  misuses = 0;
  user: NetUser | null = null;
  #last: Uint8Array | null = null;

  constructor(hasHeader = true) {
    this.hasHeader = hasHeader;
    this.hasUso = hasHeader;
  }

  start(user: NetUser): void {
    this.user = user;
  }

  stop(): void {
    this.user = null;
    this.isReading = false;
    this.awaitsRoom = false;
  }

  setReading(reading: boolean): void {
    this.isReading = reading;
  }

  receive(): Uint8Array | null {
    if (this.user === null) this.misuses++;
    this.#last = this.waiting.shift() ?? null;
    return this.#last;
  }

  putBack(): void {
    if (this.#last !== null) this.waiting.unshift(this.#last);
  }

  send(pieces: readonly Uint8Array[]): boolean {
    if (this.user === null) this.misuses++;
    if (this.room <= 0) return false;
    this.room--;
    this.sent.push(Buffer.concat(pieces));
    return true;
  }

  awaitWritable(): void {
    this.awaitsRoom = true;
  }

  setOffloads(offloads: number): void {
    if (this.user === null) this.misuses++;
    this.offloads = offloads;
  }

  /** Frames come from outside. */
  arrive(...frames: Uint8Array[]): void {
    this.waiting.push(...frames);
    this.turn();
  }

  /** What the event loop would do now. */
  turn(): void {
    if (this.awaitsRoom && this.room > 0) {
      this.awaitsRoom = false;
      this.user?.writable();
    }
    if (this.isReading && this.waiting.length > 0) this.user?.readable();
  }
}

export const ALL_FEATURES = Object.keys(FEATURE).filter((name) => name !== 'mtu') as FeatureName[];

export function netPart(backend: NetBackend, properties: Partial<NetProperties> = {}) {
  const features = new Set<FeatureName>(ALL_FEATURES);
  const defaults = { mac: MAC, features, rxQueueSize: 256, txQueueSize: 256, mtu: 0 };
  return virtioNet({ ...defaults, ...properties }, backend);
}

/** An Ethernet frame whose bytes tell its number; with an empty header before it if asked for. */
export function frame(
  number: number,
  sizeBytes: number,
  { to = MAC, withHeader = true }: { to?: Uint8Array; withHeader?: boolean } = {},
): Uint8Array {
  const at = withHeader ? 12 : 0;
  const bytes = new Uint8Array(at + sizeBytes);
  bytes.set(to, at);
  bytes.set(PEER, at + 6);
  bytes[at + 12] = 0x08;
  for (let index = at + 14; index < bytes.length; index++)
    bytes[index] = (number * 31 + (index - at) * 7) & 0xff;
  return bytes;
}
