/**
 * A network device whose queues another process serves (vhost-user). Address, link and MTU are this side's; what a
 * frame may look like is agreed on between the driver and the backend. Buffers for frames that have not come are never
 * used: a ring is stopped with them in it, and goes on with them.
 *
 * Not emulated: the control queue and what needs it (filters, another address, announcing); several queue pairs. With
 * its link down the driver sends nothing, but the backend is not stopped.
 */
import type { StateRecord } from '../../state/description.js';
import { type BackendFacts, hasBit, type RingBackend } from '../vhost-user/backend.js';
import { Rings } from '../vhost-user/rings.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost, type VirtioPart } from '../virtio/device.js';
import { FEATURE, type FeatureName } from '../virtio-net/features.js';
import { ReceiveFilter, resetFilter } from '../virtio-net/filter.js';
import { NetLink } from '../virtio-net/link.js';

const [INDIRECT, EVENT_IDX, VERSION_1] = [28, 29, 32];
const TRANSPORT = [INDIRECT, EVENT_IDX];
/** What the backend need not know of. */
const OURS: readonly FeatureName[] = ['mac', 'status', 'mtu'];
/** What both sides of a ring must know. */
const THEIRS: readonly FeatureName[] = [
  ...(['csum', 'guestCsum', 'gso', 'guestTso4', 'guestTso6', 'guestEcn', 'guestUfo', 'hostTso4'] as const),
  ...(['hostTso6', 'hostEcn', 'hostUfo', 'mrgRxbuf', 'guestUso4', 'guestUso6', 'hostUso'] as const),
];
const LINK_UP = 1;

export interface VhostUserNetOptions {
  readonly mac: Uint8Array;
  readonly features: ReadonlySet<FeatureName>;
  readonly rxQueueSize: number;
  readonly txQueueSize: number;
  /** 0: not said. */
  readonly mtu: number;
}

/** The device as it lives on, with its backend. */
export class VhostUserNet {
  readonly part: VirtioPart;
  readonly link: NetLink;
  #front: Front | null = null;

  /** Throws what the backend lacks. */
  constructor(options: VhostUserNetOptions, backend: RingBackend) {
    if (backend.facts !== null && !hasBit(backend.facts, VERSION_1)) {
      throw new Error(`expected the backend to offer virtio feature ${VERSION_1}`);
    }
    this.link = new NetLink(options.mac);
    const factsOf = (record: StateRecord) => backend.facts ?? factsIn(record);
    this.part = {
      name: 'vhost-user-net',
      deviceId: 1,
      queueSizes: [options.rxQueueSize, options.txQueueSize],
      features: [],
      offered: (state) => offeredBits(options, factsOf(state)),
      lacks: (state) => TRANSPORT.filter((bit) => !hasBit(factsOf(state), bit)),
      fields: [
        { name: 'is_known', type: 'uint8' },
        { name: 'features', type: 'uint32', count: 2 },
        { name: 'link_down', type: 'bool' },
      ],
      reset: { is_known: 0, features: [0, 0], link_down: false },
      validate: ({ is_known }) => (Number(is_known) > 1 ? `is_known is 0 or 1, got ${is_known}` : null),
      create: (host, state) => {
        if (state.link_down === true) this.link.isUp = false;
        this.#front = new Front(host, options, backend, factsOf(state), this.link);
        return this.#front;
      },
    };
  }

  /** The rings are stopped. Rejects when that takes too long. */
  async drain(): Promise<void> {
    await this.#front?.drain();
  }
}

function factsIn({ features }: StateRecord): BackendFacts {
  const [low = 0, high = 0] = features as readonly number[];
  return { features: [low, high], config: new Uint8Array() };
}

function offeredBits({ features }: VhostUserNetOptions, facts: BackendFacts): number[] {
  const ours = OURS.filter((name) => features.has(name));
  const theirs = THEIRS.filter((name) => features.has(name) && hasBit(facts, FEATURE[name]));
  return [...ours, ...theirs].map((name) => FEATURE[name]);
}

class Front implements VirtioDevice {
  readonly #backend: RingBackend;
  readonly #facts: BackendFacts;
  readonly #link: NetLink;
  readonly #mtu: number;
  readonly #rings: Rings;

  constructor(
    host: VirtioHost,
    { mac, mtu }: VhostUserNetOptions,
    backend: RingBackend,
    facts: BackendFacts,
    link: NetLink,
  ) {
    this.#backend = backend;
    this.#facts = facts;
    this.#link = link;
    this.#mtu = mtu;
    const theirs = THEIRS.map((name) => FEATURE[name]).filter((bit) => hasBit(facts, bit));
    const transport = TRANSPORT.filter((bit) => hasBit(facts, bit));
    this.#rings = new Rings(host, backend, {
      features: [...theirs, ...transport, VERSION_1],
      awaitsUse: false,
    });
    link.attach(new ReceiveFilter(resetFilter(mac)), () => host.configChanged());
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
    const config = new Uint8Array(12);
    config.set(this.#link.mac);
    config[6] = this.#link.isUp ? LINK_UP : 0;
    config[8] = 1;
    config[10] = this.#mtu & 0xff;
    config[11] = this.#mtu >> 8;
    return readConfigBytes(config, offset, width);
  }

  writeConfig(): void {}

  save(): StateRecord {
    return { is_known: 1, features: [...this.#facts.features], link_down: !this.#link.isUp };
  }

  drain(): Promise<void> {
    return this.#rings.drain();
  }
}
