/**
 * Virtio memory balloon (virtio 1.2, section 5.5): asks the guest for pages, and gives those that the guest does not
 * use back to the host. What the guest gave reads as zeros, and is there again when it is written.
 *
 *     queues   0 inflate   1 deflate   2 statistics   3 reports of free pages, if they are offered
 *
 * The request for statistics that the guest has made stays in its ring until they are wanted again. Not emulated:
 * hints of free pages.
 */
import type { StateRecord } from '../../state/description.js';
import { type Chain, slice } from '../virtio/chain.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';
import type { Virtqueue } from '../virtio/queue.js';
import { MAX_STATISTICS_BYTES, NO_STATISTICS, readStatistics } from './statistics.js';

const [INFLATE, DEFLATE, STATISTICS, REPORTS] = [0, 1, 2, 3];
const FEATURE_STATISTICS = 1;
const FEATURE_DEFLATE_ON_OOM = 2;
const FEATURE_PAGE_POISON = 4;
const FEATURE_REPORTING = 5;

const QUEUE_SIZE = 128;
const REPORTS_QUEUE_SIZE = 32;
export const PAGE_BYTES = 4096;
/** A driver names 256 pages in a request. */
const MAX_REQUEST_PAGES = 4096;
/** A driver reports less; of more, the rest stays. */
const MAX_REPORT_BYTES = 256 * 1024 * 1024;

const CONFIG_BYTES = 16;
const CONFIG_TARGET = 0; // RO  pages that the guest is asked for
const CONFIG_ACTUAL = 4; // RW  pages that it has given
const CONFIG_POISON = 12; // RW  what it fills free pages with

export interface BalloonHost {
  /** Whole pages of RAM that the guest does not use: they read as zeros from here on, or as they were. */
  discard(pages: Uint8Array): void;
  secondsSince1970(): number;
  /** The guest has given, or taken back. */
  resized(pages: number): void;
  /** Asks `poll` for statistics each so many seconds; 0: never. */
  pollEvery(seconds: number): void;
}

export interface BalloonOptions {
  readonly deflateOnOom: boolean;
  readonly pagePoison: boolean;
  readonly freePageReporting: boolean;
}

interface BalloonState {
  /** 0 in the reset state alone: what the balloon was asked for then outlives it. */
  readonly is_set: number;
  readonly num_pages: number;
  readonly actual: number;
  readonly poison_val: number;
  /** The oldest request in queue 2 was read. */
  readonly stats_read: number;
  readonly stats_interval: number;
  readonly stats_time: number;
  readonly stats: readonly number[];
}

const RESET: BalloonState = {
  is_set: 0,
  num_pages: 0,
  actual: 0,
  poison_val: 0,
  stats_read: 0,
  stats_interval: 0,
  stats_time: 0,
  stats: NO_STATISTICS,
};

/** The balloon as the machine's owner has it, whatever becomes of its front end. */
export class Balloon {
  readonly part: VirtioPart;
  #front: VirtioBalloon | null = null;

  constructor(options: BalloonOptions, host: BalloonHost) {
    const features = [
      FEATURE_STATISTICS,
      ...(options.deflateOnOom ? [FEATURE_DEFLATE_ON_OOM] : []),
      ...(options.pagePoison ? [FEATURE_PAGE_POISON] : []),
      ...(options.freePageReporting ? [FEATURE_REPORTING] : []),
    ];
    const reports = options.freePageReporting ? [REPORTS_QUEUE_SIZE] : [];
    this.part = {
      name: 'virtio-balloon',
      deviceId: 5,
      queueSizes: [QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE, ...reports],
      features,
      fields: [
        { name: 'is_set', type: 'uint8' },
        { name: 'num_pages', type: 'uint32' },
        { name: 'actual', type: 'uint32' },
        { name: 'poison_val', type: 'uint32' },
        { name: 'stats_read', type: 'uint8' },
        { name: 'stats_interval', type: 'uint32' },
        { name: 'stats_time', type: 'uint32' },
        { name: 'stats', type: 'uint32', count: NO_STATISTICS.length },
      ],
      reset: { ...RESET },
      validate,
      create: (transport, record) => {
        const state = record as unknown as BalloonState;
        const { num_pages, stats_interval } = this.#front?.state ?? RESET;
        const wanted = state.is_set === 0 ? { ...state, num_pages, stats_interval } : state;
        this.#front = new VirtioBalloon(transport, host, wanted);
        return this.#front;
      },
    };
  }

  get actualPages(): number {
    return this.#front?.state.actual ?? 0;
  }

  get interval(): number {
    return this.#front?.state.stats_interval ?? 0;
  }

  get statistics(): { readonly time: number; readonly halves: readonly number[] } {
    const { stats_time: time, stats: halves } = this.#front?.state ?? RESET;
    return { time, halves };
  }

  setTarget(pages: number): void {
    this.#front?.setTarget(pages);
  }

  setInterval(seconds: number): void {
    this.#front?.setInterval(seconds);
  }

  poll(): void {
    this.#front?.poll();
  }
}

function validate(record: StateRecord): string | null {
  const state = record as unknown as BalloonState;
  if (state.is_set > 1) return `is_set is 0 or 1, got ${state.is_set}`;
  return state.stats_read > 1 ? `stats_read is 0 or 1, got ${state.stats_read}` : null;
}

/** The record has the transport's fields too, which are not the device's to save. */
function ownState(record: BalloonState): BalloonState {
  const { is_set, num_pages, actual, poison_val, stats_read, stats_interval, stats_time, stats } = record;
  return { is_set, num_pages, actual, poison_val, stats_read, stats_interval, stats_time, stats };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class VirtioBalloon implements VirtioDevice {
  readonly state: Mutable<BalloonState>;
  readonly #transport: VirtioHost;
  readonly #host: BalloonHost;
  #runs = false;

  constructor(transport: VirtioHost, host: BalloonHost, state: BalloonState) {
    this.#transport = transport;
    this.#host = host;
    this.state = { ...ownState(state), is_set: 1 };
  }

  notify(queue: number): void {
    if (queue === INFLATE) this.#take(queue, (chain) => this.#inflate(chain));
    else if (queue === DEFLATE) this.#take(queue, () => {});
    else if (queue === STATISTICS) this.#readStatistics();
    else if (queue === REPORTS) this.#take(queue, (chain) => this.#discardReported(chain));
  }

  resume(): void {
    this.#runs = true;
    this.#host.pollEvery(this.state.stats_interval);
    for (const queue of this.#transport.queues.keys()) this.notify(queue);
  }

  pause(): void {
    if (!this.#runs) return;
    this.#runs = false;
    this.#host.pollEvery(0);
  }

  reset(): void {
    this.state.poison_val = 0;
    this.state.stats_read = 0;
  }

  readConfig(offset: number, width: number): number {
    return readConfigBytes(this.#config(), offset, width);
  }

  writeConfig(offset: number, width: number, value: number): void {
    const config = this.#config();
    const view = new DataView(config.buffer);
    for (let byte = 0; byte < width && offset + byte < CONFIG_BYTES; byte++) {
      config[offset + byte] = (value >>> (8 * byte)) & 0xff;
    }
    if (this.#transport.has(FEATURE_PAGE_POISON)) this.state.poison_val = view.getUint32(CONFIG_POISON, true);
    const actual = view.getUint32(CONFIG_ACTUAL, true);
    if (actual === this.state.actual) return;
    this.state.actual = actual;
    this.#host.resized(actual);
  }

  save(): StateRecord {
    return { ...this.state, stats: [...this.state.stats] };
  }

  setTarget(pages: number): void {
    this.state.num_pages = pages;
    this.#transport.configChanged();
  }

  setInterval(seconds: number): void {
    const isFirst = this.state.stats_interval === 0;
    this.state.stats_interval = seconds;
    if (this.#runs) this.#host.pollEvery(seconds);
    if (isFirst && seconds > 0) this.poll();
  }

  /** Gives the guest its request back, so that it makes another one with what is true now. */
  poll(): void {
    if (!this.#runs || this.state.stats_read === 0) return;
    this.#transport.attempt(() => {
      const queue = this.#queue(STATISTICS);
      const chain = queue.pop();
      this.state.stats_read = 0;
      if (chain === null) return;
      queue.push(chain.head, 0);
      this.#transport.signal(STATISTICS);
    });
  }

  #config(): Uint8Array<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(CONFIG_BYTES));
    view.setUint32(CONFIG_TARGET, this.state.num_pages, true);
    view.setUint32(CONFIG_ACTUAL, this.state.actual, true);
    view.setUint32(CONFIG_POISON, this.state.poison_val, true);
    return new Uint8Array(view.buffer);
  }

  #take(index: number, use: (chain: Chain) => void): void {
    const queue = this.#queue(index);
    let isUsed = false;
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      use(chain);
      queue.push(chain.head, 0);
      isUsed = true;
    }
    if (isUsed) this.#transport.signal(index);
  }

  /** Pages that follow one another are given back in one go. */
  #inflate(chain: Chain): void {
    const bytes = chain.read(0, 4 * MAX_REQUEST_PAGES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const pages = new Uint32Array(Math.floor(bytes.length / 4))
      .map((_, at) => view.getUint32(4 * at, true))
      .sort();
    for (let first = 0; first < pages.length; ) {
      const page = pages[first] ?? 0;
      let next = first + 1;
      let count = 1;
      while (next < pages.length && (pages[next] ?? 0) <= page + count) {
        if (pages[next] === page + count) count++;
        next++;
      }
      this.#discard(page * PAGE_BYTES, count * PAGE_BYTES);
      first = next;
    }
  }

  /** What a guest fills with something else than zeros must be found as it was. */
  #discardReported(chain: Chain): void {
    if (this.state.poison_val !== 0) return;
    for (const { address, bytes } of slice(chain.writable, 0, MAX_REPORT_BYTES)) {
      const from = Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
      const end = Math.floor((address + bytes.length) / PAGE_BYTES) * PAGE_BYTES;
      if (end > from) this.#discard(from, end - from);
    }
  }

  /** What is not all RAM is none of ours. */
  #discard(address: number, sizeBytes: number): void {
    const pages = this.#transport.dma.bytes(address, sizeBytes);
    if (pages === null) return;
    this.#host.discard(pages);
    this.#transport.dma.wrote(address, sizeBytes);
  }

  #readStatistics(): void {
    if (this.state.stats_read !== 0) return;
    const queue = this.#queue(STATISTICS);
    const chain = queue.pop();
    if (chain === null) return;
    this.state.stats = readStatistics(chain.read(0, MAX_STATISTICS_BYTES));
    this.state.stats_time = this.#host.secondsSince1970();
    this.state.stats_read = 1;
    queue.unpop();
  }

  #queue(index: number): Virtqueue {
    return this.#transport.queues[index] as Virtqueue;
  }
}
