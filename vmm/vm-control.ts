/**
 * Decides what the VM does: owns the run state and is the only one to start, stop, reset or load the
 * machine. Requests of monitors, migration and guest are done one after the other.
 *
 * Guarantees: STOP is stamped when no vCPU runs any more and RESUME before one does; RAM that another
 * process may be using (`inmigrate`, `finish-migrate`, `postmigrate`) is never reset; what a guest asked
 * for in the moment it was stopped (power off, reset) happens before its state is saved.
 */
import { Activation } from './activation.js';
import type { BlockIoReport, ResizeRequest } from './block/block-layer.js';
import type { DisksDescription } from './block/describe.js';
import type { CpuState } from './cpu/state.js';
import { DeviceEvents } from './device-events.js';
import { type GuestRequest, isGuestCause, waits } from './guest-request.js';
import { HandOvers } from './hand-overs.js';
import type { DeviceQuestion } from './machine/device-question.js';
import type { MachineEvents, MachineHandle, SavedMachine, ShutdownCause } from './machine/handle.js';
import type { NetworkReport, NetworkRequest } from './net/report.js';
import type { NetdevOptions } from './options/netdev-options.js';
import { blockIoErrorData } from './qmp/block-io-error.js';
import { QmpError } from './qmp/error.js';
import type { EventHub } from './qmp/events.js';
import { emitNetworkEvent } from './qmp/network-events.js';
import type { StatusInfo } from './qmp/protocol.js';
import { type RunState, RunStateHolder } from './run-state.js';
import { Turns } from './turns.js';

export interface VmPolicy {
  /** `-S`: neither boot nor an incoming migration starts the guest by itself. */
  readonly startStopped: boolean;
  /** `-no-reboot`: a reset ends the VM. */
  readonly noReboot: boolean;
  /** `-no-shutdown`: a guest that powers off leaves a stopped VM. */
  readonly noShutdown: boolean;
  readonly incoming: boolean;
}

export interface VmControlOptions {
  readonly events: EventHub;
  readonly policy: VmPolicy;
  /** To tell of them. */
  netdevs?(): readonly NetdevOptions[];
  /** The VM is over: the process has to end with this code. Called once. */
  ended(exitCode: number): void;
  /** A line for the operator. */
  report(message: string): void;
}

export class VmControl {
  readonly #events: EventHub;
  readonly #deviceEvents: DeviceEvents;
  #policy: VmPolicy;
  readonly #netdevs: () => readonly NetdevOptions[];
  readonly #ended: (exitCode: number) => void;
  readonly #report: (message: string) => void;
  readonly #state: RunStateHolder;
  readonly #turns = new Turns();
  #autostart: boolean;
  #isOver = false;
  #guestRequest: GuestRequest | null = null;
  readonly #activation: Activation;
  readonly handOvers: HandOvers;

  constructor({ events, policy, netdevs = () => [], ended, report }: VmControlOptions) {
    this.#events = events;
    this.#deviceEvents = new DeviceEvents(events);
    this.#policy = policy;
    this.#netdevs = netdevs;
    this.#ended = ended;
    this.#report = report;
    this.#autostart = !policy.startStopped;
    this.#activation = new Activation(!policy.incoming);
    this.#state = new RunStateHolder(policy.incoming ? 'inmigrate' : 'prelaunch');
    this.handOvers = new HandOvers({
      ...{ turns: this.#turns, state: this.#state, events, activation: this.#activation, report },
      isOver: () => this.#isOver,
      startsByItself: () => this.#autostart,
      hasGuestRequest: () => this.#guestRequest !== null,
      settleGuest: (machine) => this.#settleGuestRequest(machine),
      start: (machine, resumedAtMicros) => this.#start(machine, resumedAtMicros),
    });
  }

  get runState(): RunState {
    return this.#state.current;
  }

  /** Paths of the terminals that chardevs are, by id. */
  get terminals(): MachineHandle['terminals'] {
    return this.#turns.machine?.terminals ?? {};
  }

  /** What the machine reports to: to be given to it when it is made. */
  readonly machineEvents: MachineEvents = {
    shutdown: (cause, exitCode) => this.#onGuestRequest({ kind: 'shutdown', cause, exitCode }),
    reset: (cause) => this.#onGuestRequest({ kind: 'reset', cause }),
    blockIoError: (report, isStopped) => this.#onBlockIoError(report, isStopped),
    network: (event) => emitNetworkEvent(this.#events, event, this.#netdevs()),
    failed: (error) => {
      this.#report(`the machine failed: ${error.message}`);
      this.#end('host-error', 1);
    },
    deviceEvent: (event) => this.#deviceEvents.hear(event),
  };

  /** What a reset and a power-off do from now on. */
  setPolicy(changes: Partial<Pick<VmPolicy, 'noReboot' | 'noShutdown'>>): void {
    this.#policy = { ...this.#policy, ...changes };
  }

  /** Chardevs of ports that a program in the guest has open. */
  get openChardevs(): ReadonlySet<string> {
    return this.#deviceEvents.openChardevs;
  }

  /** Takes the finished machine. Boots it unless the policy says to wait. */
  async attach(machine: MachineHandle): Promise<void> {
    this.#turns.attach(machine);
    if (this.#policy.incoming || !this.#autostart) return;
    await this.cont();
  }

  status(): StatusInfo {
    const status = this.#state.current;
    return { status, running: status === 'running' };
  }

  /** Sets the VM running. While a migration comes in: when it has come. */
  cont(): Promise<void> {
    return this.#turns.do(async (machine) => {
      const state = this.#state.current;
      if (state === 'running') return;
      if (state === 'finish-migrate') throw new QmpError('Migration is not finalized yet');
      if (state === 'shutdown') throw new QmpError('Resetting the Virtual Machine is required');
      if (state === 'inmigrate') this.#autostart = true;
      else if (state === 'postmigrate') await this.handOvers.takeBackFromTarget(machine);
      else {
        await this.#activation.take(machine);
        await this.#settleGuestRequest(machine);
        if (this.#guestRequest !== null) throw new QmpError(waits(this.#guestRequest));
        if (this.#isOver || this.#state.current === 'shutdown') return;
        await this.#start(machine, this.#events.clock.nowMicros());
      }
    });
  }

  /** Stops the vCPU. While a migration comes in: leaves the VM paused when it has come. */
  stop(): Promise<void> {
    return this.#turns.do(async (machine) => {
      if (this.#state.current === 'inmigrate') this.#autostart = false;
      if (this.#state.current !== 'running') return;
      await machine.stop();
      this.#state.set('paused');
      this.#events.emit('STOP');
      await this.#settleGuestRequest(machine);
    });
  }

  /** `system_reset`. The caller has checked that the run state allows it. */
  reset(): Promise<void> {
    return this.#turns.do(async (machine) => {
      const cause = 'host-qmp-system-reset';
      this.#guestRequest = null;
      if (this.#policy.noReboot && !this.#policy.noShutdown) {
        this.#end(cause, 0);
        return;
      }
      await machine.stop();
      if (this.#policy.noReboot) this.#shutdown(cause);
      else await this.#reset(machine, cause);
    });
  }

  async powerdown(): Promise<void> {
    await this.#turns.do(async (machine) => {
      this.#events.emit('POWERDOWN');
      await machine.powerdown();
    });
  }

  /** Ends the VM from outside. */
  quit(cause: 'host-qmp-quit' | 'host-signal'): void {
    this.#end(cause, 0);
  }

  /** What the hart holds at some moment of the call. */
  registers(): Promise<CpuState> {
    return this.#turns.do((machine) => machine.registers());
  }

  /** What there is of disks, with counts. */
  disks(): Promise<DisksDescription> {
    return this.#turns.do((machine) => machine.disks());
  }

  resizeDisk(resize: ResizeRequest): Promise<void> {
    return this.#turns.do(async (machine) => {
      try {
        await machine.resizeDisk(resize);
      } catch (cause) {
        throw new QmpError((cause as Error).message, 'GenericError', { cause });
      }
    });
  }

  /** Asks the device in a virtio-mmio slot. */
  askDevice(slot: number, question: DeviceQuestion): Promise<unknown> {
    return this.#turns.do((machine) => machine.ask(slot, question));
  }

  /** What monitors want of the network. */
  network(request: NetworkRequest): Promise<NetworkReport> {
    return this.#turns.do((machine) => machine.network(request));
  }

  /** Changes what the machine is made of. Nothing else is done meanwhile. */
  change(act: (machine: MachineHandle) => Promise<void>): Promise<void> {
    return this.#turns.do(act);
  }

  /** Lets the machine rehearse a hand-over; the result is a sample of its state. */
  rehearse(): Promise<SavedMachine> {
    return this.#turns.do((machine) => machine.rehearse());
  }

  /** Everything up to the call of `machine.start` is done before this returns its promise. */
  #start(machine: MachineHandle, resumedAtMicros: number): Promise<void> {
    this.#state.set('running');
    this.#events.emitAt(resumedAtMicros, 'RESUME');
    return machine.start();
  }

  #onGuestRequest(request: GuestRequest): void {
    this.#guestRequest = request;
    this.#turns
      .do((machine) => this.#settleGuestRequest(machine))
      .catch((error: Error) => {
        this.#report(`the guest's ${request.kind} failed: ${error.message}`);
        this.#end('host-error', 1);
      });
  }

  #onBlockIoError(report: BlockIoReport, isStopped: boolean): void {
    this.#events.emit('BLOCK_IO_ERROR', blockIoErrorData(report));
    if (!isStopped) return;
    this.#turns
      .do(async (machine) => {
        if (this.#state.current !== 'running') return;
        await machine.stop().catch((failure: Error) => this.#report(failure.message));
        this.#state.set('io-error');
        this.#events.emit('STOP');
      })
      .catch(() => {}); // the machine is no more
  }

  /** What the host still works at for the guest comes first. A host that does not keeps the guest, stopped. */
  async #settleGuestRequest(machine: MachineHandle): Promise<void> {
    const request = this.#guestRequest;
    if (request === null) return;
    const { cause } = request;
    const isReset = request.kind === 'reset' && !this.#policy.noReboot;
    if (!isReset && !this.#policy.noShutdown) {
      this.#end(cause, request.kind === 'reset' ? 0 : request.exitCode);
      return;
    }
    try {
      await machine.stop();
    } catch (error) {
      this.#report(`${waits(request)}: ${(error as Error).message}`);
      if (this.#state.current !== 'running') return;
      this.#state.set('io-error');
      this.#events.emit('STOP');
      return;
    }
    this.#guestRequest = null;
    if (isReset) await this.#reset(machine, cause);
    else this.#shutdown(cause);
  }

  /** The machine stands. */
  async #reset(machine: MachineHandle, cause: ShutdownCause): Promise<void> {
    const state = this.#state.current;
    await machine.reset();
    this.#events.emit('RESET', { guest: isGuestCause(cause), reason: cause });
    if (state === 'running') await machine.start();
    else if (state === 'paused' || state === 'io-error' || state === 'shutdown') this.#state.set('prelaunch');
  }

  /** `-no-shutdown`, and the machine stands. */
  #shutdown(cause: ShutdownCause): void {
    this.#events.emit('SHUTDOWN', { guest: isGuestCause(cause), reason: cause });
    const state = this.#state.current;
    if (state === 'finish-migrate') {
      this.handOvers.hasPoweredOff();
      return;
    }
    this.#state.set('shutdown');
    if (state === 'running') this.#events.emit('STOP');
  }

  #end(cause: ShutdownCause, exitCode: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.emit('SHUTDOWN', { guest: isGuestCause(cause), reason: cause });
    this.#ended(exitCode);
  }
}
