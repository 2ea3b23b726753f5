/**
 * A block device whose queues another process serves, in the guest's RAM (vhost-user). This side has the registers: it
 * passes notifications and interrupts on, and knows where the queues stand when the other process was told to stop.
 *
 *     driver ready ► start the rings      notify ► kick      called ► interrupt
 *     pause ► drain: all requests used, rings stopped, their indices here ► save ► start them again, in whatever process
 *
 * `nextAvailable` of a queue here is how far this side has looked at requests, for the pages that they will change:
 * decoded code in them is dropped before they do.
 */
import type { StateRecord } from '../../state/description.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';
import { addressOf } from '../virtio/dma.js';
import { QueueError, type Virtqueue } from '../virtio/queue.js';
import type { BackendFacts, BackendUser, BlockBackend, Ring } from './backend.js';

const [INDIRECT, EVENT_IDX, VERSION_1] = [28, 29, 32];
/** Sizes, read-only, topology, flush, write cache, discard, write zeroes. */
const SINGLE_QUEUE_FEATURES = [1, 2, 4, 5, 6, 9, 10, 11, 13, 14];
const FEATURE_MQ = 12;
const FEATURE_CONFIG_WCE = 11;
const FEATURE_DISCARD = 13;
const FEATURE_WRITE_ZEROES = 14;
const CONFIG_BYTES = 60;
const CONFIG_WCE = 32;
const CONFIG_QUEUES = 34;

const DRAIN_DEADLINE_MS = 5000;
const LONG_WAIT_MS = 2;

export interface VhostUserBlkOptions {
  readonly queues: number;
  readonly queueSize: number;
  readonly configWce: boolean;
  readonly discard: boolean;
  readonly writeZeroes: boolean;
}

interface BlkState {
  /** 0: what the backend is like is asked of itself. */
  readonly is_known: number;
  readonly features: readonly number[];
  readonly config: Uint8Array;
}

/** The device as it lives on, with its backend. */
export class VhostUserBlk {
  readonly part: VirtioPart;
  #front: Front | null = null;

  /** Throws what the backend lacks. */
  constructor(options: VhostUserBlkOptions, backend: BlockBackend) {
    if (backend.facts !== null) checkTransport(backend.facts);
    const factsOf = (record: StateRecord) => backend.facts ?? factsIn(record);
    this.part = {
      name: 'vhost-user-blk',
      deviceId: 2,
      queueSizes: Array<number>(options.queues).fill(options.queueSize),
      features: [],
      offered: (state) => offeredBits(options, factsOf(state)),
      fields: [
        { name: 'is_known', type: 'uint8' },
        { name: 'features', type: 'uint32', count: 2 },
        { name: 'config', type: 'buffer', count: CONFIG_BYTES },
      ],
      reset: { is_known: 0, features: [0, 0], config: new Uint8Array(CONFIG_BYTES) },
      validate: ({ is_known }) => (Number(is_known) > 1 ? `is_known is 0 or 1, got ${is_known}` : null),
      create: (host, state) => {
        this.#front = new Front(host, options, backend, factsOf(state));
        return this.#front;
      },
    };
  }

  /** All requests are done and the rings are stopped. Rejects when that takes too long. */
  async drain(): Promise<void> {
    await this.#front?.drain();
  }
}

function factsIn(record: StateRecord): BackendFacts {
  const { features, config } = record as unknown as BlkState;
  const [low = 0, high = 0] = features;
  return { features: [low, high], config };
}

function hasBit({ features }: BackendFacts, bit: number): boolean {
  return (((features[bit >> 5] ?? 0) >>> (bit & 31)) & 1) !== 0;
}

function checkTransport(facts: BackendFacts): void {
  for (const bit of [INDIRECT, EVENT_IDX, VERSION_1]) {
    if (!hasBit(facts, bit)) throw new Error(`expected the backend to offer virtio feature ${bit}`);
  }
}

function offeredBits(options: VhostUserBlkOptions, facts: BackendFacts): number[] {
  const wanted = [...SINGLE_QUEUE_FEATURES, ...(options.queues > 1 ? [FEATURE_MQ] : [])];
  const refused = [
    ...(options.configWce ? [] : [FEATURE_CONFIG_WCE]),
    ...(options.discard ? [] : [FEATURE_DISCARD]),
    ...(options.writeZeroes ? [] : [FEATURE_WRITE_ZEROES]),
  ];
  return wanted.filter((bit) => hasBit(facts, bit) && !refused.includes(bit));
}

class Front implements VirtioDevice, BackendUser {
  readonly #host: VirtioHost;
  readonly #backend: BlockBackend;
  readonly #bits: readonly number[];
  readonly #facts: BackendFacts;
  readonly #config: Uint8Array;
  #runs = false;
  /** Rings that the backend serves. */
  #started: readonly number[] = [];
  /** The backend was told to stop them and has not answered. */
  #stopping: Promise<void> | null = null;
  /** Requests were made and used that this side has not looked at. */
  #isStale = false;

  constructor(host: VirtioHost, options: VhostUserBlkOptions, backend: BlockBackend, facts: BackendFacts) {
    this.#host = host;
    this.#backend = backend;
    this.#facts = facts;
    this.#bits = [...offeredBits(options, facts), INDIRECT, EVENT_IDX, VERSION_1];
    this.#config = Uint8Array.from(facts.config);
    new DataView(this.#config.buffer).setUint16(CONFIG_QUEUES, options.queues, true);
  }

  notify(queue: number): void {
    if (!this.#started.includes(queue)) return;
    this.#look(queue);
    this.#backend.kick(queue);
  }

  resume(): void {
    this.#runs = true;
    for (const queue of this.#host.queues) queue.usesEventIndex = false; // the backend has what it is about
    this.#backend.learn(this.#facts);
    if (this.#backend.broken !== null) throw new QueueError(this.#backend.broken);
    if (this.#stopping === null) this.#start();
  }

  pause(): void {
    this.#runs = false;
  }

  reset(): void {
    if (this.#started.length === 0) return;
    this.#backend.stopNow(this.#started, () => this.#isIdle());
    this.#started = [];
  }

  fence(): void {
    for (const queue of this.#started) this.#look(queue);
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#host.dma.wroteAnywhere();
  }

  called(): void {
    this.#host.interrupt();
  }

  broke(reason: string): void {
    this.#started = [];
    if (!this.#runs) return;
    this.#host.attempt(() => {
      throw new QueueError(reason);
    });
  }

  readConfig(offset: number, width: number): number {
    return readConfigBytes(this.#config, offset, width);
  }

  /** The one thing that a driver can change is whether writes are cached. */
  writeConfig(offset: number, width: number, value: number): void {
    if (offset !== CONFIG_WCE || width !== 1 || !this.#host.has(FEATURE_CONFIG_WCE)) return;
    this.#config[CONFIG_WCE] = value & 1;
    this.#backend.setConfig(CONFIG_WCE, Uint8Array.of(value & 1));
  }

  save(): StateRecord {
    const { features } = this.#facts;
    const state: BlkState = {
      is_known: 1,
      features: [...features],
      config: Uint8Array.from(this.#config),
    };
    return { ...state };
  }

  async drain(): Promise<void> {
    const until = performance.now() + DRAIN_DEADLINE_MS;
    const late = () => performance.now() > until;
    for (const queue of this.#started) if (!this.#isUsed(queue)) this.#backend.kick(queue);
    while (!this.#isIdle()) {
      if (late()) throw this.#lateError('has requests of the guest under way');
      await this.#wait(until);
    }
    if (this.#started.length > 0) this.#stopping ??= this.#stop();
    let isStopped = false;
    this.#stopping?.finally(() => {
      isStopped = true;
    });
    while (this.#stopping !== null && !isStopped) {
      if (late()) throw this.#lateError('does not stop');
      await this.#wait(until);
    }
  }

  #wait(until: number): Promise<void> {
    const isNew = until - performance.now() > DRAIN_DEADLINE_MS - LONG_WAIT_MS;
    return this.#backend.turn(isNew ? 0 : 1);
  }

  #lateError(what: string): Error {
    return new Error(
      `the vhost-user backend ${what} for more than ${DRAIN_DEADLINE_MS} ms: the guest goes on here`,
    );
  }

  async #stop(): Promise<void> {
    const rings = this.#started;
    try {
      const bases = await this.#backend.stop(rings);
      for (const [at, index] of rings.entries()) {
        const { registers } = this.#queue(index);
        registers.nextAvailable = (bases[at] ?? 0) & 0xffff;
        registers.nextUsed = this.#queue(index).usedIndex;
      }
    } catch {
      // It is gone, and has said so.
    }
    this.#started = [];
    this.#stopping = null;
    if (this.#runs) this.#host.attempt(() => this.resume());
  }

  #start(): void {
    if (this.#started.length > 0) return;
    const rings = this.#host.queues.flatMap((queue, index) => (queue.isReady ? [ringOf(queue, index)] : []));
    this.#started = rings.map(({ index }) => index);
    const accepted: [number, number] = [0, 0];
    for (const bit of this.#bits) {
      if (this.#host.has(bit)) accepted[bit >> 5] = ((accepted[bit >> 5] ?? 0) | (1 << (bit & 31))) >>> 0;
    }
    this.#backend.start(this, accepted, rings);
    // What was used before the rings stood still may not have been told.
    if (rings.some(({ base }) => base > 0)) this.#host.interrupt();
    for (const { index } of rings) this.#look(index);
  }

  /** Everything that the driver made available was used. A driver that makes up numbers is not waited for. */
  #isIdle(): boolean {
    return this.#started.every((index) => this.#isUsed(index));
  }

  #isUsed(index: number): boolean {
    const queue = this.#queue(index);
    const waiting = (queue.availableIndex - queue.usedIndex) & 0xffff;
    return waiting === 0 || waiting > queue.registers.size;
  }

  /** At requests that are new, for the pages that will change. Throws `QueueError`. */
  #look(index: number): void {
    const queue = this.#queue(index);
    const seen = queue.registers.nextAvailable;
    if (seen === queue.availableIndex) return;
    const passed = (queue.usedIndex - seen) & 0xffff;
    if (passed > 0 && passed < 0x8000) {
      // The driver may have used their descriptors for others already.
      this.#isStale = true;
      queue.registers.nextAvailable = queue.availableIndex;
      return;
    }
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) chain.wrote(chain.writable);
  }

  #queue(index: number): Virtqueue {
    return this.#host.queues[index] as Virtqueue;
  }
}

function ringOf({ registers }: Virtqueue, index: number): Ring {
  const { size, descriptorsLow, descriptorsHigh, availableLow, availableHigh, usedLow, usedHigh } = registers;
  return {
    index,
    size,
    descriptors: addressOf(descriptorsLow, descriptorsHigh),
    available: addressOf(availableLow, availableHigh),
    used: addressOf(usedLow, usedHigh),
    base: registers.nextAvailable,
  };
}
