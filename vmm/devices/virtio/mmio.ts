/**
 * Virtio over MMIO, version 2 (virtio 1.2, section 4.2): the registers through which a driver finds, configures and
 * notifies one device. A driver that breaks the rules of its queues gets DEVICE_NEEDS_RESET and a configuration
 * interrupt; the device stands until it is reset, the machine goes on.
 *
 * Not emulated: the legacy interface, shared memory regions, reset of single queues.
 */
import type { StateRecord } from '../../state/description.js';
import type { GuestErrors, IrqLine, MmioDevice, StatefulDevice } from '../device.js';
import {
  FEATURE_EVENT_IDX,
  FEATURE_INDIRECT,
  FEATURE_VERSION_1,
  type VirtioDevice,
  type VirtioHost,
  type VirtioPart,
} from './device.js';
import type { Dma } from './dma.js';
import { QueueError, Virtqueue } from './queue.js';
import { joinState, QUEUE_RESET, queueOf, type TransportState, transportOf } from './state.js';

const MAGIC_VALUE = 0x000; // RO  "virt"
const VERSION = 0x004; // RO  2
const DEVICE_ID = 0x008; // RO
const VENDOR_ID = 0x00c; // RO
const DEVICE_FEATURES = 0x010; // RO  32 bits of the offered features, by DEVICE_FEATURES_SEL
const DEVICE_FEATURES_SEL = 0x014; // WO
const DRIVER_FEATURES = 0x020; // WO  32 bits of the accepted features, by DRIVER_FEATURES_SEL
const DRIVER_FEATURES_SEL = 0x024; // WO
const QUEUE_SEL = 0x030; // WO
const QUEUE_NUM_MAX = 0x034; // RO  0: there is no such queue
const QUEUE_NUM = 0x038; // WO
const QUEUE_READY = 0x044; // RW
const QUEUE_NOTIFY = 0x050; // WO  index of the queue
const INTERRUPT_STATUS = 0x060; // RO
const INTERRUPT_ACK = 0x064; // WO
const STATUS = 0x070; // RW  0 resets
const QUEUE_DESC_LOW = 0x080; // WO
const QUEUE_DESC_HIGH = 0x084; // WO
const QUEUE_DRIVER_LOW = 0x090; // WO
const QUEUE_DRIVER_HIGH = 0x094; // WO
const QUEUE_DEVICE_LOW = 0x0a0; // WO
const QUEUE_DEVICE_HIGH = 0x0a4; // WO
const SHM_LEN_LOW = 0x0b0; // RO  all ones: no such region, to SHM_BASE_HIGH
const SHM_SEL = 0x0ac; // WO
const SHM_BASE_HIGH = 0x0bc; // RO
const CONFIG_GENERATION = 0x0fc; // RO
const CONFIG = 0x100; // RW

const MAGIC = 0x74726976;
/** "QEMU", which drivers print. */
const VENDOR = 0x554d4551;

const INTERRUPT_USED = 1;
const INTERRUPT_CONFIG = 2;

const STATUS_DRIVER_OK = 4;
const STATUS_FEATURES_OK = 8;
const STATUS_NEEDS_RESET = 64;

const TRANSPORT_FEATURES = [FEATURE_INDIRECT, FEATURE_EVENT_IDX, FEATURE_VERSION_1];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Registers that write a half of an address of the selected queue. */
const ADDRESS_REGISTERS = {
  [QUEUE_DESC_LOW]: 'descriptorsLow',
  [QUEUE_DESC_HIGH]: 'descriptorsHigh',
  [QUEUE_DRIVER_LOW]: 'availableLow',
  [QUEUE_DRIVER_HIGH]: 'availableHigh',
  [QUEUE_DEVICE_LOW]: 'usedLow',
  [QUEUE_DEVICE_HIGH]: 'usedHigh',
} as const;

export class VirtioMmio implements MmioDevice, StatefulDevice<StateRecord>, VirtioHost {
  readonly queues: readonly Virtqueue[];
  readonly dma: Dma;
  readonly #irq: IrqLine;
  readonly #errors: GuestErrors;
  readonly #part: VirtioPart;
  readonly #device: VirtioDevice;
  readonly #features: readonly [number, number];
  readonly #state: Mutable<TransportState>;
  readonly #driverFeatures: [number, number];
  #isMachineRunning = false;
  #isRetired = false;

  constructor(irq: IrqLine, dma: Dma, part: VirtioPart, errors: GuestErrors, state: StateRecord) {
    this.#irq = irq;
    this.dma = dma;
    this.#errors = errors;
    this.#part = part;
    const lacking = part.lacks?.(state) ?? [];
    const transport = TRANSPORT_FEATURES.filter((bit) => !lacking.includes(bit));
    this.#features = featureWords([...part.features, ...(part.offered?.(state) ?? []), ...transport]);
    this.#state = transportOf(state);
    const [low = 0, high = 0] = this.#state.driver_features;
    this.#driverFeatures = [low, high];
    this.queues = part.queueSizes.map((maxSize, index) => new Virtqueue(dma, maxSize, queueOf(state, index)));
    this.#device = part.create(this, state);
    this.#adopt();
    this.#updateIrq();
  }

  /** The machine runs from now on. */
  resume(): void {
    this.#isMachineRunning = true;
    this.#letRun();
  }

  /** The machine stands: nothing changes here by itself any more. */
  pause(): void {
    this.#isMachineRunning = false;
    this.#device.pause();
  }

  /** Another one has taken this one's place: what comes late for it has no effect. */
  retire(): void {
    this.#isRetired = true;
    this.#device.pause();
    this.#device.reset();
    for (const queue of this.queues) queue.makeUnready();
  }

  /** Before the CPU executes what others may have written. */
  fence(): void {
    if (this.#mayRun) this.attempt(() => this.#device.fence?.());
  }

  has(feature: number): boolean {
    return (((this.#driverFeatures[feature >> 5] ?? 0) >>> (feature & 31)) & 1) !== 0;
  }

  signal(queue: number): void {
    this.attempt(() => {
      if (this.#isRetired || !(this.queues[queue]?.takeInterrupt() ?? false)) return;
      this.#interrupt(INTERRUPT_USED);
    });
  }

  interrupt(): void {
    if (!this.#isRetired) this.#interrupt(INTERRUPT_USED);
  }

  configChanged(): void {
    if (this.#isRetired) return;
    this.#state.config_generation = (this.#state.config_generation + 1) >>> 0;
    this.#interrupt(INTERRUPT_CONFIG);
  }

  attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#break(error);
    }
  }

  read(offset: number, width: number): number {
    if (offset >= CONFIG) return this.#device.readConfig(offset - CONFIG, width);
    if (width !== 4) {
      this.#errors.invalidRead(this.#part.name, offset);
      return 0;
    }
    return this.#readRegister(offset);
  }

  write(offset: number, width: number, value: number): void {
    if (offset >= CONFIG) {
      this.#device.writeConfig(offset - CONFIG, width, value);
    } else if (width !== 4 || !this.#writeRegister(offset, value)) {
      this.#errors.invalidWrite(this.#part.name, offset, value);
    }
  }

  save(): StateRecord {
    const transport = { ...this.#state, driver_features: [...this.#driverFeatures] };
    const queues = this.queues.map((queue) => queue.save());
    return { ...joinState(transport, queues), ...this.#device.save() };
  }

  #readRegister(offset: number): number {
    const state = this.#state;
    switch (offset) {
      case MAGIC_VALUE:
        return MAGIC;
      case VERSION:
        return 2;
      case DEVICE_ID:
        return this.#part.deviceId;
      case VENDOR_ID:
        return VENDOR;
      case DEVICE_FEATURES:
        return state.device_features_sel < 2 ? (this.#features[state.device_features_sel] ?? 0) : 0;
      case QUEUE_NUM_MAX:
        return this.#selected?.maxSize ?? 0;
      case QUEUE_READY:
        return this.#selected?.registers.ready ?? 0;
      case INTERRUPT_STATUS:
        return state.interrupt_status;
      case STATUS:
        return state.status;
      case CONFIG_GENERATION:
        return state.config_generation;
      default:
        if (offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH) return 0xffff_ffff;
        this.#errors.invalidRead(this.#part.name, offset);
        return 0;
    }
  }

  /** False: there is nothing to write. */
  #writeRegister(offset: number, value: number): boolean {
    const state = this.#state;
    switch (offset) {
      case DEVICE_FEATURES_SEL:
        state.device_features_sel = value;
        return true;
      case DRIVER_FEATURES_SEL:
        state.driver_features_sel = value;
        return true;
      case DRIVER_FEATURES:
        this.#acceptFeatures(value);
        return true;
      case QUEUE_SEL:
        state.queue_sel = value;
        return true;
      case QUEUE_READY:
        this.#setReady(value);
        return true;
      case QUEUE_NOTIFY:
        this.#notify(value);
        return true;
      case INTERRUPT_ACK:
        state.interrupt_status &= ~value;
        this.#updateIrq();
        return true;
      case STATUS:
        this.#setStatus(value & 0xff);
        return true;
      case SHM_SEL:
        return true;
      default:
        return this.#writeQueueRegister(offset, value);
    }
  }

  #writeQueueRegister(offset: number, value: number): boolean {
    const queue = this.#selected;
    const isAddress = Object.hasOwn(ADDRESS_REGISTERS, offset);
    if (!isAddress && offset !== QUEUE_NUM) return false;
    if (queue === undefined || queue.isReady) return true;
    if (isAddress) queue.registers[ADDRESS_REGISTERS[offset as keyof typeof ADDRESS_REGISTERS]] = value;
    else queue.registers.size = value <= queue.maxSize ? value : 0;
    return true;
  }

  get #selected(): Virtqueue | undefined {
    return this.queues[this.#state.queue_sel];
  }

  get #mayRun(): boolean {
    const { status } = this.#state;
    return this.#isMachineRunning && (status & STATUS_DRIVER_OK) !== 0 && (status & STATUS_NEEDS_RESET) === 0;
  }

  #acceptFeatures(value: number): void {
    const { driver_features_sel: select, status } = this.#state;
    if (select > 1 || (status & STATUS_FEATURES_OK) !== 0) return;
    this.#driverFeatures[select] = (value & (this.#features[select] ?? 0)) >>> 0;
  }

  #setReady(value: number): void {
    const queue = this.#selected;
    if (queue === undefined) return;
    if ((value & 1) === 0) queue.makeUnready();
    else if (!queue.isReady) this.attempt(() => queue.makeReady());
  }

  #setStatus(value: number): void {
    if (value === 0) {
      this.#reset();
      return;
    }
    let status = value | (this.#state.status & STATUS_NEEDS_RESET);
    // A driver of the legacy interface has nothing to talk to here.
    if (!this.has(FEATURE_VERSION_1)) status &= ~STATUS_FEATURES_OK;
    this.#state.status = status;
    for (const queue of this.queues) queue.usesEventIndex = this.has(FEATURE_EVENT_IDX);
    this.#letRun();
  }

  #letRun(): void {
    if (this.#mayRun) this.attempt(() => this.#device.resume());
  }

  #notify(index: number): void {
    if (this.#mayRun && index < this.queues.length) this.attempt(() => this.#device.notify(index));
  }

  #reset(): void {
    this.#device.pause();
    this.#device.reset();
    for (const queue of this.queues) Object.assign(queue.registers, QUEUE_RESET);
    this.#state.status = 0;
    this.#state.interrupt_status = 0;
    this.#driverFeatures.fill(0);
    this.#updateIrq();
  }

  /** Queues of a state that came with a stream: their rings must be where it says. */
  #adopt(): void {
    for (const queue of this.queues) {
      queue.usesEventIndex = this.has(FEATURE_EVENT_IDX);
      if (queue.isReady) this.attempt(() => queue.makeReady());
    }
  }

  #break(error: QueueError): void {
    if (this.#isRetired) return;
    this.#errors.invalidWrite(`${this.#part.name} (${error.message})`, QUEUE_NOTIFY, 0);
    this.#device.pause();
    this.#state.status |= STATUS_NEEDS_RESET;
    this.configChanged();
  }

  #interrupt(bit: number): void {
    this.#state.interrupt_status |= bit;
    this.#updateIrq();
  }

  #updateIrq(): void {
    if (!this.#isRetired) this.#irq.set(this.#state.interrupt_status !== 0);
  }
}

function featureWords(features: readonly number[]): readonly [number, number] {
  const words: [number, number] = [0, 0];
  for (const bit of features) words[bit >> 5] = ((words[bit >> 5] ?? 0) | (1 << (bit & 31))) >>> 0;
  return words;
}
