/**
 * Virtio network device (virtio 1.2, section 5.1): one pair of queues and a control queue.
 *
 * No frame is taken from the backend without a buffer for it, and none while the machine stands: frames wait in the
 * kernel, which a next VMM inherits. What does not fit, is too short or is not wanted is dropped and counted.
 *
 * Not emulated: several queue pairs, receive-side scaling, coalescing, tunnels, standby devices.
 */
import type { StateRecord } from '../../state/description.js';
import type { Chain } from '../virtio/chain.js';
import { slice } from '../virtio/chain.js';
import { readConfigBytes, type VirtioDevice, type VirtioHost } from '../virtio/device.js';
import { QueueError } from '../virtio/queue.js';
import { HEADER_BYTES, MAX_FRAME_BYTES, type NetBackend } from './backend.js';
import { type ControlTarget, MAX_COMMAND_BYTES, runCommand } from './control.js';
import { FEATURE, offloadsIn, offloadsOf } from './features.js';
import { ReceiveFilter } from './filter.js';
import type { NetLink } from './link.js';
import { BY_FEATURES, joinNet, netStateOf } from './state.js';

const RECEIVE = 0;
const TRANSMIT = 1;
const CONTROL = 2;

const LINK_UP = 1;
const ANNOUNCE = 2;

const STATUS_DRIVER_OK = 4;
const CONTROL_ERROR = 1;

const ETHERNET_HEADER_BYTES = 14;
/** Work at one go; the rest waits for another turn of the event loop. */
const TURN_BYTES = 256 * 1024;
const TURN_FRAMES = 256;
const NO_HEADER = new Uint8Array(HEADER_BYTES);

export class VirtioNet implements VirtioDevice {
  readonly #host: VirtioHost;
  readonly #backend: NetBackend;
  readonly #link: NetLink;
  readonly #mtu: number;
  readonly #filter: ReceiveFilter;
  readonly #control: ControlTarget;
  #offloads: number;
  #announce: boolean;
  /** It came with a driver in it, and has not run here yet. */
  #isArriving: boolean;
  #isRunning = false;
  #awaitsBuffers = false;
  #awaitsRoom = false;

  constructor(host: VirtioHost, backend: NetBackend, link: NetLink, mtu: number, state: StateRecord) {
    const { filter, offloads, announce, isLinkDown } = netStateOf(state);
    this.#host = host;
    this.#backend = backend;
    this.#link = link;
    this.#mtu = mtu;
    this.#filter = new ReceiveFilter(filter);
    this.#offloads = offloads;
    this.#announce = announce;
    this.#isArriving = (Number(state.status) & STATUS_DRIVER_OK) !== 0;
    if (isLinkDown) link.isUp = false;
    link.attach(this.#filter, () => host.configChanged());
    this.#control = {
      filter: this.#filter,
      filterChanged: () => link.filterChanged(),
      announced: () => {
        this.#announce = false;
      },
      setOffloads: (low, high) => this.#takeOffloads(low, high),
    };
  }

  notify(queue: number): void {
    if (queue === RECEIVE) this.#buffersCame();
    else if (queue === TRANSMIT) this.#transmit();
    else this.#obey();
  }

  resume(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#awaitsBuffers = false;
    this.#awaitsRoom = false;
    this.#filter.usesVlans = this.#host.has(FEATURE.ctrlVlan);
    this.#backend.start({
      readable: () => this.#host.attempt(() => this.#receive()),
      writable: () => this.#host.attempt(() => this.#roomCame()),
    });
    this.#backend.setOffloads(this.#effectiveOffloads);
    this.#backend.setReading(true);
    if (this.#isArriving) this.#arrive();
    this.#obey();
    this.#transmit();
    this.#receive();
  }

  pause(): void {
    this.#isRunning = false;
    this.#backend.stop();
  }

  reset(): void {
    this.#filter.reset(this.#link.mac);
    this.#offloads = BY_FEATURES;
    this.#announce = false;
    this.#isArriving = false;
  }

  readConfig(offset: number, width: number): number {
    const config = new Uint8Array(12);
    config.set(this.#filter.state.mac);
    config[6] = (this.#link.isUp ? LINK_UP : 0) | (this.#announce ? ANNOUNCE : 0);
    config[8] = 1;
    config[10] = this.#mtu & 0xff;
    config[11] = this.#mtu >> 8;
    return readConfigBytes(config, offset, width);
  }

  writeConfig(): void {}

  save(): StateRecord {
    return joinNet({
      filter: this.#filter.state,
      offloads: this.#offloads,
      announce: this.#announce,
      isLinkDown: !this.#link.isUp,
    });
  }

  get #effectiveOffloads(): number {
    return this.#offloads === BY_FEATURES ? this.#allowedOffloads : this.#offloads;
  }

  get #allowedOffloads(): number {
    return offloadsOf((feature) => this.#host.has(feature));
  }

  /** The guest has come to a backend that does not know it. */
  #arrive(): void {
    this.#isArriving = false;
    if (!this.#backend.isNewHere || !this.#host.has(FEATURE.guestAnnounce)) return;
    this.#announce = true;
    this.#host.configChanged();
  }

  #buffersCame(): void {
    if (!this.#awaitsBuffers) return;
    this.#awaitsBuffers = false;
    this.#backend.setReading(true);
    this.#receive();
  }

  #roomCame(): void {
    this.#awaitsRoom = false;
    this.#transmit();
  }

  #receive(): void {
    const queue = this.#host.queues[RECEIVE];
    if (!this.#isRunning || this.#awaitsBuffers || queue === undefined) return;
    let isUsed = false;
    let left = TURN_BYTES;
    for (let frames = 0; frames < TURN_FRAMES && left > 0; frames++) {
      const frame = queue.hasAvailable ? this.#backend.receive() : null;
      if (frame === null) {
        if (!queue.hasAvailable) this.#awaitBuffers();
        break;
      }
      left -= frame.length;
      if (!this.#wants(frame)) {
        this.#link.dropped++;
      } else if (this.#deliver(frame)) {
        isUsed = true;
      } else {
        this.#backend.putBack();
        this.#awaitBuffers();
        break;
      }
    }
    if (isUsed) this.#host.signal(RECEIVE);
  }

  #awaitBuffers(): void {
    this.#awaitsBuffers = true;
    this.#backend.setReading(false);
  }

  #wants(frame: Uint8Array): boolean {
    const at = this.#backend.hasHeader ? HEADER_BYTES : 0;
    if (frame.length < at + ETHERNET_HEADER_BYTES || !this.#link.isUp) return false;
    return this.#filter.accepts(at === 0 ? frame : frame.subarray(at));
  }

  /** False: there are too few buffers now. A frame that can never fit is dropped. */
  #deliver(frame: Uint8Array): boolean {
    const queue = this.#host.queues[RECEIVE];
    if (queue === undefined) return true;
    const headerBytes = this.#backend.hasHeader ? 0 : HEADER_BYTES;
    const wantedBytes = headerBytes + frame.length;
    const chains: Chain[] = [];
    let roomBytes = 0;
    const most = this.#host.has(FEATURE.mrgRxbuf) ? queue.registers.size : 1;
    while (roomBytes < wantedBytes && chains.length < most) {
      const chain = queue.pop();
      if (chain === null) break;
      if (chain.writableBytes < (chains.length === 0 ? HEADER_BYTES : 1)) {
        throw new QueueError('a receive buffer has no room for a header');
      }
      chains.push(chain);
      roomBytes += chain.writableBytes;
    }
    if (roomBytes >= wantedBytes) {
      this.#fill(chains, frame, headerBytes);
      return true;
    }
    for (let count = 0; count < chains.length; count++) queue.unpop();
    if (chains.length < most) return false;
    this.#link.dropped++;
    return true;
  }

  #fill(chains: readonly Chain[], frame: Uint8Array, headerBytes: number): void {
    const queue = this.#host.queues[RECEIVE];
    let at = 0;
    for (const [index, chain] of chains.entries()) {
      const skip = index === 0 ? headerBytes : 0;
      if (skip > 0) chain.write(0, NO_HEADER);
      const written = chain.write(skip, at === 0 ? frame : frame.subarray(at));
      at += written;
      if (index === 0)
        chain.write(HEADER_BYTES - 2, new Uint8Array([chains.length & 0xff, chains.length >> 8]));
      queue?.push(chain.head, skip + written);
    }
  }

  #transmit(): void {
    const queue = this.#host.queues[TRANSMIT];
    if (!this.#isRunning || this.#awaitsRoom || queue === undefined) return;
    let isUsed = false;
    let left = TURN_BYTES;
    for (let frames = 0; ; frames++) {
      if (frames === TURN_FRAMES || left <= 0) {
        this.#awaitRoom();
        break;
      }
      const chain = queue.pop();
      if (chain === null) break;
      const sizeBytes = chain.readableBytes;
      if (
        sizeBytes < HEADER_BYTES + ETHERNET_HEADER_BYTES ||
        sizeBytes > MAX_FRAME_BYTES ||
        !this.#link.isUp
      ) {
        this.#link.dropped++;
      } else if (!this.#backend.send(this.#pieces(chain))) {
        queue.unpop();
        this.#awaitRoom();
        break;
      }
      left -= sizeBytes;
      queue.push(chain.head, 0);
      isUsed = true;
    }
    if (isUsed) this.#host.signal(TRANSMIT);
  }

  #awaitRoom(): void {
    this.#awaitsRoom = true;
    this.#backend.awaitWritable();
  }

  #pieces({ readable }: Chain): Uint8Array[] {
    const segments = this.#backend.hasHeader ? readable : slice(readable, HEADER_BYTES, MAX_FRAME_BYTES);
    return segments.map(({ bytes }) => bytes);
  }

  #obey(): void {
    const queue = this.#host.queues[CONTROL];
    if (!this.#isRunning || !this.#host.has(FEATURE.ctrlVq)) return;
    let isUsed = false;
    for (let chain = queue?.pop(); chain; chain = queue?.pop()) {
      const isBounded = chain.readableBytes <= MAX_COMMAND_BYTES;
      const command = isBounded ? chain.read(0, MAX_COMMAND_BYTES) : NO_HEADER.subarray(0, 0);
      const status = command.length < 2 ? CONTROL_ERROR : runCommand(command, this.#control);
      queue?.push(chain.head, chain.write(0, new Uint8Array([status])));
      isUsed = true;
    }
    if (isUsed) this.#host.signal(CONTROL);
  }

  #takeOffloads(low: number, high: number): boolean {
    if (!this.#host.has(FEATURE.ctrlGuestOffloads)) return false;
    const offloads = offloadsIn(low, high, this.#allowedOffloads);
    if (offloads === null) return false;
    this.#offloads = offloads;
    this.#backend.setOffloads(offloads);
    return true;
  }
}
