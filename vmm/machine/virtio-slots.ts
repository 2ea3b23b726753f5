/**
 * The virtio-mmio slots of the board and the devices in them. Parts live on; the transports in front of them are built
 * anew, paused, at boot, reset and restore. A slot's device can come and go while the machine is there.
 */
import type { GuestErrors, IrqLine, MmioDevice } from '../devices/device.js';
import type { VirtioPart } from '../devices/virtio/device.js';
import type { Dma } from '../devices/virtio/dma.js';
import { EmptyVirtioMmio } from '../devices/virtio/empty-slot.js';
import { VirtioMmio } from '../devices/virtio/mmio.js';
import { virtioState } from '../devices/virtio/state.js';
import { VIRTIO_MMIO_COUNT, virtioMmio } from '../layout.js';
import type { ExpectedSection, SectionToSave } from '../state/codec.js';
import type { StateDescription, StateRecord } from '../state/description.js';

interface Occupant {
  readonly part: VirtioPart;
  readonly description: StateDescription<StateRecord>;
  transport: VirtioMmio | null;
}

const EMPTY_SLOT = new EmptyVirtioMmio();

export class VirtioSlots {
  readonly #dma: Dma;
  readonly #errors: GuestErrors;
  readonly #interrupted: () => void;
  readonly #occupants: (Occupant | null)[] = Array(VIRTIO_MMIO_COUNT).fill(null);
  #lines: readonly IrqLine[] = [];
  #isRunning = false;

  /** `interrupted`: a device has raised its interrupt, maybe while the hart sleeps. */
  constructor(dma: Dma, errors: GuestErrors, interrupted: () => void) {
    this.#dma = dma;
    this.#errors = errors;
    this.#interrupted = interrupted;
  }

  /** Puts a device in its reset state into an empty slot. Before the first `build` it is built with the others. */
  plug(slot: number, part: VirtioPart): void {
    if (this.#occupants[slot] !== null)
      throw new Error(`virtio-mmio slot ${slot} is not there, or not empty`);
    const description = virtioState(part);
    const occupant: Occupant = { part, description, transport: null };
    this.#occupants[slot] = occupant;
    const line = this.#lines[slot];
    if (line === undefined) return;
    occupant.transport = this.#transport(part, line, description.reset);
    if (this.#isRunning) occupant.transport.resume();
  }

  /** One device takes no new requests, until it is taken out or let go on. */
  hold(slot: number, isHeld: boolean): void {
    if (!this.#isRunning) return;
    const transport = this.#occupants[slot]?.transport;
    if (isHeld) transport?.pause();
    else transport?.resume();
  }

  /** Takes a device out, driver or not: the slot is empty at once. */
  unplug(slot: number): void {
    this.#occupants[slot]?.transport?.retire();
    this.#occupants[slot] = null;
    this.#lines[slot]?.set(false);
  }

  /** Sections of the devices that are there, in the order they are written. */
  get sections(): readonly ExpectedSection[] {
    return this.#present().map(({ slot, occupant }) => ({
      description: occupant.description as StateDescription<unknown>,
      instanceId: slot,
    }));
  }

  save(): readonly SectionToSave[] {
    return this.#present().map(({ slot, occupant: { description, transport } }) => ({
      description: description as StateDescription<unknown>,
      instanceId: slot,
      state: transport?.save() ?? description.reset,
    }));
  }

  /** Builds all transports anew on these interrupt lines. `stateOf` gives a section's state; null: the reset states. */
  build(lines: readonly IrqLine[], stateOf: ((section: ExpectedSection) => StateRecord) | null): void {
    this.#lines = lines;
    for (const { slot, occupant } of this.#present()) {
      const { part, description } = occupant;
      occupant.transport?.retire();
      const section = { description: description as StateDescription<unknown>, instanceId: slot };
      const state = stateOf === null ? description.reset : stateOf(section);
      occupant.transport = this.#transport(part, lines[slot] as IrqLine, state);
    }
  }

  resume(): void {
    this.#isRunning = true;
    for (const { occupant } of this.#present()) occupant.transport?.resume();
  }

  /** The hart executes FENCE.I. */
  fence(): void {
    for (const occupant of this.#occupants) occupant?.transport?.fence();
  }

  pause(): void {
    this.#isRunning = false;
    for (const { occupant } of this.#present()) occupant.transport?.pause();
  }

  /** What the bus sees of a slot, whatever is in it. */
  registers(slot: number): MmioDevice {
    return {
      read: (offset, width) => this.#at(slot).read(offset, width),
      write: (offset, width, value) => this.#at(slot).write(offset, width, value),
    };
  }

  #at(slot: number): MmioDevice {
    return this.#occupants[slot]?.transport ?? EMPTY_SLOT;
  }

  #present(): { slot: number; occupant: Occupant }[] {
    return this.#occupants.flatMap((occupant, slot) => (occupant === null ? [] : [{ slot, occupant }]));
  }

  #transport(part: VirtioPart, line: IrqLine, state: StateRecord): VirtioMmio {
    const irq: IrqLine = {
      set: (level) => {
        line.set(level);
        if (level) this.#interrupted();
      },
    };
    return new VirtioMmio(irq, this.#dma, part, this.#errors, state);
  }
}

export const VIRTIO_IRQS = Array.from({ length: VIRTIO_MMIO_COUNT }, (_, slot) => virtioMmio(slot).irq);
