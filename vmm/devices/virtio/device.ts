/**
 * What a virtio device is to its transport, and the transport to its device. A device knows its queues, its backend
 * and nothing of registers; the transport knows no kind of device.
 */
import type { Field, StateRecord, Subsection } from '../../state/description.js';
import type { Dma } from './dma.js';
import type { QueueError, Virtqueue } from './queue.js';

/** Feature bits that are the queues' and the transport's (virtio 1.2, section 6). */
export const FEATURE_INDIRECT = 28;
export const FEATURE_EVENT_IDX = 29;
export const FEATURE_VERSION_1 = 32;

/** The transport as the device sees it. */
export interface VirtioHost {
  readonly queues: readonly Virtqueue[];
  readonly dma: Dma;
  /** Whether the driver has accepted a feature, by its bit. */
  has(feature: number): boolean;
  /** Interrupts the driver for a queue's used requests, if it wants to be. Works out of the guest's slice too. */
  signal(queue: number): void;
  /** Interrupts the driver for requests that somebody else has used, who has judged that it wants to know. */
  interrupt(): void;
  /** The device's configuration changed by itself. */
  configChanged(): void;
  /** Runs work of the device; a driver that broke the rules is told so, and the device stands until its reset. */
  attempt(work: () => void): void;
}

/**
 * Built paused, from live things and a state. While it is paused it does nothing of its own: takes no request, reads
 * no backend, and what the host has finished meanwhile is held until `resume`. Both are idempotent.
 */
export interface VirtioDevice {
  /** The driver has made something available in a queue. Only while not paused; may throw `QueueError`. */
  notify(queue: number): void;
  /** Goes on, and looks at all queues. Only with a driver that is ready. May throw `QueueError`. */
  resume(): void;
  pause(): void;
  /** Forgets everything of its driver; requests that the host still works at have no effect on it any more. */
  reset(): void;
  /** The CPU is about to see code that was written by others than itself (FENCE.I). Absent: the device tells at once. */
  fence?(): void;
  readConfig(offset: number, width: number): number;
  writeConfig(offset: number, width: number, value: number): void;
  /** Its own part of the state. */
  save(): StateRecord;
}

/** One virtio device of a machine, as it lives on through resets and restores, with its backend. */
export interface VirtioPart {
  /** Section name in streams, and the name in guest errors. */
  readonly name: string;
  /** Virtio's number of the kind of device (section 5). */
  readonly deviceId: number;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Bits it offers beside the transport's. */
  readonly features: readonly number[];
  /** Bits beyond those, that are known only with a state. */
  offered?(state: StateRecord): readonly number[];
  /** Those of the transport's that it cannot have. Absent: none. */
  lacks?(state: StateRecord): readonly number[];
  readonly fields: readonly Field[];
  readonly subsections?: readonly Subsection<StateRecord>[];
  readonly reset: StateRecord;
  validate?(state: StateRecord): string | null;
  create(host: VirtioHost, state: StateRecord): VirtioDevice;
}

export type { QueueError };

/** Reads a little-endian configuration structure byte by byte; beyond its end it is 0. */
export function readConfigBytes(config: Uint8Array, offset: number, width: number): number {
  let value = 0;
  for (let at = width - 1; at >= 0; at--) value = value * 256 + (config[offset + at] ?? 0);
  return value;
}
