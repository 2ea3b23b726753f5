/**
 * The machine: its CPU, its devices and how they stand to each other. Boot, reset and restore build the same device set
 * from different states, on backends that live on.
 */
import type { HostClock } from '../bus/host-clock.js';
import { TIMER_RESET, TIMER_STATE, VirtualClock } from '../bus/virtual-clock.js';
import { Core, type CoreHost, type ExitReason, type InterruptLine } from '../cpu/core.js';
import { CPU_RESET, CPU_STATE, type CpuState } from '../cpu/state.js';
import { CLINT_STATE } from '../devices/clint.js';
import type { GuestErrors } from '../devices/device.js';
import { GOLDFISH_RTC_STATE } from '../devices/goldfish-rtc.js';
import { PLIC_STATE } from '../devices/plic.js';
import { UART16550_STATE } from '../devices/uart16550-state.js';
import type { VirtioPart } from '../devices/virtio/device.js';
import type { Dma } from '../devices/virtio/dma.js';
import type { Boot } from '../firmware/boot.js';
import { Sbi, type SbiEvents } from '../firmware/sbi.js';
import * as layout from '../layout.js';
import { decodeSections, encodeSections, type SectionToSave, sectionKey } from '../state/codec.js';
import type { StatefulPart, StateRecord } from '../state/description.js';
import { BOARD_RESET, type Board, type BoardState, buildBoard, type MachineState } from './board.js';
import type { SavedMachine } from './handle.js';
import { expectedParts, loadParts, partsToSave } from './parts.js';
import type { SerialPort } from './serial-port.js';
import { VirtioSlots } from './virtio-slots.js';

/** Sections in the order they are written. */
const SECTIONS = {
  timer: TIMER_STATE,
  cpu: CPU_STATE,
  clint: CLINT_STATE,
  plic: PLIC_STATE,
  uart: UART16550_STATE,
  rtc: GOLDFISH_RTC_STATE,
} as const;

export interface PluggedPart {
  readonly slot: number;
  readonly part: VirtioPart;
}

export interface Backends {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly ram: Uint8Array;
  readonly hostClock: HostClock;
  readonly serial: SerialPort;
  readonly boot: Boot;
  /** Virtio devices of the command line, by their slots. */
  readonly virtio: readonly PluggedPart[];
  /** A device has raised an interrupt, maybe while the hart sleeps. */
  interrupted(): void;
  /** What travels beside the devices, behind them in the stream. */
  parts(): readonly StatefulPart[];
  /** Calls for supervisor firmware are answered here instead of by firmware in the guest. */
  readonly builtInSbi: boolean;
  /** The guest asked for the end or for a reset; called from inside `run`. */
  readonly events: SbiEvents;
  readonly errors: GuestErrors;
}

export class Machine {
  readonly #backends: Backends;
  readonly #core: Core;
  readonly #sbi: Sbi;
  readonly #levels = new Map<InterruptLine, boolean>();
  readonly #virtio: VirtioSlots;
  #clock: VirtualClock;
  #devices: Board;

  /** `incoming`: RAM belongs to a guest that comes with a stream and is not touched. */
  constructor(backends: Backends, incoming: boolean) {
    const { module, memory, ram, serial, builtInSbi, boot } = backends;
    this.#backends = backends;
    this.#clock = new VirtualClock(backends.hostClock, TIMER_RESET);
    this.#virtio = new VirtioSlots(this.#dma(ram), backends.errors, () => backends.interrupted());
    for (const { slot, part } of backends.virtio) this.#virtio.plug(slot, part);
    this.#devices = this.#build(BOARD_RESET, null);
    const options = { sbi: builtInSbi, ramSizeBytes: ram.length, hartId: 0 };
    this.#core = new Core(module, memory, this.#coreHost(), options);
    for (const [line, level] of this.#levels) this.#core.setInterrupt(line, level);
    const console = {
      write: (bytes: Uint8Array) => serial.sendAll(bytes),
      read: (limit: number) => serial.take(limit),
    };
    this.#sbi = new Sbi(this.#core, ram, console, backends.events);
    if (!incoming) boot.load(ram);
    this.#enterBoot();
  }

  /** Back to power-on: images are loaded again, guest time goes on. */
  reset(): void {
    this.#backends.boot.load(this.#backends.ram);
    this.#devices = this.#build(BOARD_RESET, null);
    this.#enterBoot();
  }

  save(handOver: boolean): SavedMachine {
    return this.#encode(handOver, partsToSave(this.#backends.parts()));
  }

  /** A state of the devices alone. */
  sample(): SavedMachine {
    return this.#encode(false, []);
  }

  #encode(handOver: boolean, parts: readonly SectionToSave[]): SavedMachine {
    const states: MachineState = {
      timer: this.#clock.save(handOver),
      cpu: this.#core.save(),
      clint: this.#devices.clint.save(),
      plic: this.#devices.plic.save(),
      uart: this.#devices.uart.save(),
      rtc: this.#devices.rtc.save(),
    };
    const keys = Object.keys(SECTIONS) as (keyof MachineState)[];
    const devices = keys.map((key) => ({ description: SECTIONS[key], instanceId: 0, state: states[key] }));
    const { bytes, description } = encodeSections([...devices, ...this.#virtio.save(), ...parts]);
    return { sections: bytes, description };
  }

  load(sections: Uint8Array): void {
    const parts = this.#backends.parts();
    const board = Object.values(SECTIONS).map((description) => ({ description, instanceId: 0 }));
    const expected = [...board, ...this.#virtio.sections, ...expectedParts(parts)];
    const decoded = decodeSections(sections, expected);
    const state = <K extends keyof MachineState>(key: K) =>
      decoded.get(SECTIONS[key].name) as MachineState[K];
    this.#clock = new VirtualClock(this.#backends.hostClock, state('timer'));
    this.#devices = this.#build(
      { clint: state('clint'), plic: state('plic'), uart: state('uart'), rtc: state('rtc') },
      ({ description, instanceId }) => decoded.get(sectionKey(description.name, instanceId)) as StateRecord,
    );
    loadParts(parts, decoded);
    this.#core.load(state('cpu'));
    this.#core.flushCode();
  }

  /** Guest time and devices go on; the caller runs the hart. */
  resume(): void {
    this.#clock.start();
    this.#virtio.resume();
  }

  /** Guest time and devices stand. What the host still works at for a device is held until `resume`. */
  pause(): void {
    this.#clock.stop();
    this.#virtio.pause();
  }

  /** A device comes into an empty slot, in its reset state. */
  plug({ slot, part }: PluggedPart): void {
    this.#virtio.plug(slot, part);
  }

  /** While the host finishes what it works at for a device that is to go. */
  hold(slot: number, isHeld: boolean): void {
    this.#virtio.hold(slot, isHeld);
  }

  unplug(slot: number): void {
    this.#virtio.unplug(slot);
  }

  registers(): CpuState {
    return this.#core.save();
  }

  get clock(): VirtualClock {
    return this.#clock;
  }

  /** Virtual time at which a device or the hart's own timer has something to do. */
  deadlineNs(): number {
    return Math.min(this.deviceDeadlineNs(), this.#hartDeadlineNs());
  }

  deviceDeadlineNs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const device of this.#devices.timed) earliest = Math.min(earliest, device.deadlineNs());
    return earliest;
  }

  /** Does what devices have to do by now. */
  tick(): void {
    for (const device of this.#devices.timed) device.tick();
  }

  /** Runs the hart until a point of virtual time or until it has nothing to do. */
  run(untilNs: number): ExitReason {
    const { clint } = this.#devices;
    const ticks = (untilNs - this.#clock.nowNs()) / layout.TICK_NS;
    const until = clint.ticks() + Math.max(1, Math.ceil(ticks));
    for (;;) {
      const reason = this.#core.run(until);
      if (reason !== 'sbi-call') return reason;
      if (this.#sbi.handle() === 'wait for interrupt' && !this.hasPendingInterrupt()) return 'wfi';
      if (clint.ticks() >= until) return 'slice-end';
    }
  }

  hasPendingInterrupt(): boolean {
    return this.#core.hasPendingInterrupt();
  }

  /** Ends `run` as soon as possible; for callers inside it. */
  requestStop(): void {
    this.#core.requestStop();
  }

  #hartDeadlineNs(): number {
    const ticks = this.#core.nextTimerTicks() - this.#devices.clint.ticks();
    return this.#clock.nowNs() + ticks * layout.TICK_NS;
  }

  #enterBoot(): void {
    const { pc, a1, a2 } = this.#backends.boot.entry;
    this.#core.load(CPU_RESET);
    this.#core.pc = BigInt(pc);
    this.#core.writeX(11, BigInt(a1));
    this.#core.writeX(12, BigInt(a2));
    this.#core.flushCode();
  }

  #dma(ram: Uint8Array): Dma {
    return {
      bytes: (address, sizeBytes) => {
        const at = address - layout.RAM_BASE_ADDRESS;
        return at >= 0 && at + sizeBytes <= ram.length ? ram.subarray(at, at + sizeBytes) : null;
      },
      wrote: (address, sizeBytes) => this.#core.flushCodeRange(address, sizeBytes),
      wroteAnywhere: () => this.#core.flushCode(),
    };
  }

  #build(states: BoardState, virtioStateOf: Parameters<VirtioSlots['build']>[1]): Board {
    const { serial, boot, events, errors } = this.#backends;
    const line = (which: InterruptLine) => this.#line(which);
    const around = { clock: this.#clock, serial, boot, events, errors, virtio: this.#virtio, line };
    return buildBoard(around, states, virtioStateOf);
  }

  #line(line: InterruptLine) {
    return {
      set: (level: boolean) => {
        if (this.#levels.get(line) === level) return;
        this.#levels.set(line, level);
        this.#core?.setInterrupt(line, level);
      },
    };
  }

  #coreHost(): CoreHost {
    return {
      mmioRead: (address, width) => this.#devices.bus.read(address, width),
      mmioWrite: (address, width, value) => this.#devices.bus.write(address, width, value),
      ticks: () => this.#devices.clint.ticks(),
      isMmio: (address) => this.#devices.bus.isMmio(address),
      fence: () => this.#virtio.fence(),
    };
  }
}
