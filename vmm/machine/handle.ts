/**
 * The machine as monitors and migration see it. The machine itself (CPU, bus, devices, their backends) may live in a
 * thread of its own and is owned by its worker; everybody else asks through this interface. Every request
 * is answered; a worker that dies rejects all of them and reports `failed`.
 */

import type { BlockIoReport, ResizeRequest } from '../block/block-layer.js';
import type { DisksDescription } from '../block/describe.js';
import type { CarriedDescriptor, CarryGroup, CarryOutcome } from '../carried.js';
import type { CpuState } from '../cpu/state.js';
import type { NetworkEvent, NetworkReport, NetworkRequest } from '../net/report.js';
import type { Becoming, Change } from './change.js';
import type { DeviceEvent } from './device-event.js';
import type { DeviceQuestion } from './device-question.js';

/** Why a guest ended or was reset, in QMP's `ShutdownCause` words. */
export type ShutdownCause =
  | 'host-qmp-quit'
  | 'host-qmp-system-reset'
  | 'host-signal'
  | 'host-error'
  | 'guest-shutdown'
  | 'guest-reset'
  | 'guest-panic';

export interface MachineEvents {
  /** The guest asked for power off (syscon, SBI). `exitCode` is what the process exits with. */
  shutdown(cause: ShutdownCause, exitCode: number): void;
  /** The guest asked for a reset; the machine has stopped running and waits for `reset`. */
  reset(cause: ShutdownCause): void;
  /** An operation of a disk failed. `isStopped`: the machine has stopped running, and tries again at `start`. */
  blockIoError(report: BlockIoReport, isStopped: boolean): void;
  /** Something happened to a network device or backend. */
  network(event: NetworkEvent): void;
  /** The worker died or hit an assertion: the guest cannot go on. */
  failed(error: Error): void;
  /** A device has something to tell the monitors. */
  deviceEvent(event: DeviceEvent): void;
}

export interface MachineHandle {
  /** Paths of the terminals that chardevs are, by id. */
  readonly terminals: Readonly<Record<string, string>>;
  /** Sets the vCPU running. Idempotent. */
  start(): Promise<void>;
  /** Resolves when no vCPU runs and no device has host work under way. Idempotent. Rejects: it runs on. */
  stop(): Promise<void>;
  /** Back to the reset state (RAM reloaded from kernel, initrd and device tree). Only while stopped. */
  reset(): Promise<void>;
  /** Presses the power button: what ACPI or a GPIO key would do. */
  powerdown(): Promise<void>;
  /**
   * Device sections of the stopped machine, encoded as the middle of a migration stream (section headers
   * and footers included), with the list for the JSON description. Does not change the machine.
   */
  save(handOver: boolean): Promise<SavedMachine>;
  /**
   * Opens the backends of an incoming machine that have waited: nothing of theirs comes late. Idempotent; rejects with
   * the reason.
   */
  openBackends(): Promise<void>;
  /**
   * Replaces the state of the stopped machine. Everything is decoded and checked before anything is
   * built; rejects with an error that names the section, and the machine is as it was. `activate`: as below.
   * `received` is the machine's from here on: backends that have waited take theirs; what nobody takes is an error.
   */
  load(sections: Uint8Array, activate: boolean, received?: readonly CarriedDescriptor[]): Promise<void>;
  /** The guest was loaded but stays with its source, and with it what came late: what waited for that is closed. */
  leave(): Promise<void>;
  /** The guest is to run here: takes what only one process may have (the disks). Idempotent; rejects: none is had. */
  activate(): Promise<void>;
  /**
   * Another process is to have the guest, by its state alone: gives that up, everything written. Only while stopped.
   * Not `ours`: the guest came, but stays with its source, and with it what came by descriptors.
   */
  inactivate(ours: boolean): Promise<void>;
  /**
   * Goes through what `save` and (before an incoming machine's state has come) `load` do, without effect on the guest: code that
   * ran before runs many times faster, and in a hand-over the guest waits for it. Allowed at any time; takes
   * about a millisecond of the guest's. The result is a sample, for the same purpose.
   */
  rehearse(): Promise<SavedMachine>;
  /** Descriptors of backends, for the next process; they stay the machine's. Answered by `carried`. */
  carry(group: CarryGroup): Promise<readonly CarriedDescriptor[]>;
  /** What became of the hand-over. `kept` may follow `gone`. */
  carried(outcome: CarryOutcome): Promise<void>;
  /** What there is of disks, for monitors. */
  disks(): Promise<DisksDescription>;
  resizeDisk(resize: ResizeRequest): Promise<void>;
  /** Asks the device in a virtio-mmio slot. Rejects when it has no answer. */
  ask(slot: number, question: DeviceQuestion): Promise<unknown>;
  /** The hart's registers, running or not. */
  registers(): Promise<CpuState>;
  /** Does what a monitor wants of the network, and tells how it is then. */
  network(request: NetworkRequest): Promise<NetworkReport>;
  /** Adds something to the machine, or takes it away, running or not. Rejects: it is as it was. */
  change(change: Change, becoming: Becoming): Promise<void>;
  /** Ends the worker. Chardevs are flushed and closed. */
  close(): Promise<void>;
}

export interface SavedMachine {
  readonly sections: Uint8Array;
  /** Objects for the `devices` array of the stream's JSON description, as JSON. */
  readonly description: readonly string[];
}
