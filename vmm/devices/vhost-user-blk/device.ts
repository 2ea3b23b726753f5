/**
 * A block device whose queues another process serves (vhost-user). Before its state is saved all requests are used.
 */
import type { StateRecord } from '../../state/description.js';
import type { BackendFacts, RingBackend } from '../vhost-user/backend.js';
import { hasBit } from '../vhost-user/backend.js';
import { Rings } from '../vhost-user/rings.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';

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
  constructor(options: VhostUserBlkOptions, backend: RingBackend) {
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

class Front implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #backend: RingBackend;
  readonly #rings: Rings;
  readonly #facts: BackendFacts;
  readonly #config: Uint8Array;

  constructor(host: VirtioHost, options: VhostUserBlkOptions, backend: RingBackend, facts: BackendFacts) {
    this.#host = host;
    this.#backend = backend;
    this.#facts = facts;
    const features = [...offeredBits(options, facts), INDIRECT, EVENT_IDX, VERSION_1];
    this.#rings = new Rings(host, backend, { features, awaitsUse: true });
    this.#config = Uint8Array.from(facts.config);
    new DataView(this.#config.buffer).setUint16(CONFIG_QUEUES, options.queues, true);
  }

  notify(queue: number): void {
    this.#rings.notify(queue);
  }

  resume(): void {
    this.#backend.learn(this.#facts);
    this.#rings.resume();
  }

  pause(): void {
    this.#rings.pause();
  }

  reset(): void {
    this.#rings.reset();
  }

  fence(): void {
    this.#rings.fence();
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

  drain(): Promise<void> {
    return this.#rings.drain();
  }
}
