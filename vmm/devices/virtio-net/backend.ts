/**
 * What carries the frames of a network device. A frame is an Ethernet frame without its checksum; where the backend
 * has headers, each has a virtio_net_hdr of `HEADER_BYTES` before it, both ways.
 */

/** struct virtio_net_hdr_v1; what a driver of virtio 1 has before each frame. */
export const HEADER_BYTES = 12;
/** The longest frame with its header that is carried: 64 KiB that are still to be cut, and some. */
export const MAX_FRAME_BYTES = 68 * 1024;

/** What the other side may leave to us in frames with headers, by TUN_F_*'s bits (linux/if_tun.h). */
export const OFFLOAD = { csum: 1, tso4: 2, tso6: 4, ecn: 8, ufo: 16, uso4: 32, uso6: 64 } as const;

export interface NetUser {
  /** Frames have come. Again and again until they are received or `setReading(false)`. */
  readable(): void;
  /** What `send` refused may go now. Once. */
  writable(): void;
}

export interface NetBackend {
  readonly hasHeader: boolean;
  readonly hasUso: boolean;
  /** It did not come with the guest: where it leads to nobody knows yet where the guest is. */
  readonly isNewHere: boolean;
  /** From now on frames are read and written, and `user` is told of them. Idempotent. */
  start(user: NetUser): void;
  /** Nothing is read or written until `start`. Idempotent. */
  stop(): void;
  setReading(reading: boolean): void;
  /** The next frame, or null: nothing has come. Valid until the next call. Only while started. */
  receive(): Uint8Array | null;
  /** The frame of the last `receive` found no room: the next one gives it again. */
  putBack(): void;
  /** Takes a frame, or loses it as networks do. False: not now. Only while started. */
  send(pieces: readonly Uint8Array[]): boolean;
  /** `writable` is to be told, in another turn. */
  awaitWritable(): void;
  /** Bits of `OFFLOAD`. Only while started. */
  setOffloads(offloads: number): void;
}

/** A device that nothing is plugged into: what is sent is lost. */
export const NO_BACKEND: NetBackend = {
  hasHeader: false,
  hasUso: false,
  isNewHere: false,
  start() {},
  stop() {},
  setReading() {},
  receive: () => null,
  putBack() {},
  send: () => true,
  awaitWritable() {},
  setOffloads() {},
};
