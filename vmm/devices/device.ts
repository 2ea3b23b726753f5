/**
 * What every device offers and what it may know. A device is built from live things first and its
 * state last, so that boot, system reset and restore are the same line: `new Uart(irq, …, state)`.
 * Devices import nothing of the machine, the monitor, the codec or a logger.
 */

/** A level-triggered interrupt wire. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Guest time. `nowNs` is the virtual clock (stops while the VM is stopped, not during a hand-over). */
export interface Clock {
  /** Virtual nanoseconds since power on. */
  nowNs(): number;
  /** Host wall clock in nanoseconds since 1970, as two parts to stay exact. */
  wallSeconds(): number;
  wallNanoseconds(): number;
}

/** Access widths a region takes, in bytes. The bus refuses others before the device sees them. */
export type AccessWidth = 1 | 2 | 4;

/** A memory-mapped device. Offsets are relative to the region; values are unsigned 32-bit at most. */
export interface MmioDevice {
  /** Must not throw for anything a guest does: unknown offsets read 0 and are reported. */
  read(offset: number, width: AccessWidth): number;
  write(offset: number, width: AccessWidth, value: number): void;
}

/** A device whose state travels. */
export interface StatefulDevice<S> {
  /** Plain data, a fresh object, no side effect. */
  save(): S;
}

/** What guests get wrong, counted and logged with a limit by the owner, never thrown. */
export interface GuestErrors {
  invalidRead(device: string, offset: number): void;
  invalidWrite(device: string, offset: number, value: number): void;
}

/** A device that has something to do at a point of guest time. */
export interface TimedDevice {
  /** Virtual nanoseconds at which `tick` is due; Infinity for never. */
  deadlineNs(): number;
  /** Does what is due by now; called at or after the deadline, and may be called early. */
  tick(): void;
}
