/**
 * Both sides of a hand-over of the running guest, as the VM does them: when it is stopped, what it gives away, and what
 * becomes of it when the hand-over fails. A guest that powered off in the moment it was stopped is not handed over.
 */
import type { Activation } from './activation.js';
import type { CarriedDescriptor, CarryGroup } from './carried.js';
import type { MachineHandle, SavedMachine } from './machine/handle.js';
import { QmpError } from './qmp/error.js';
import type { EventHub } from './qmp/events.js';
import type { RunState, RunStateHolder } from './run-state.js';
import type { Turns } from './turns.js';

export interface HandOverOptions {
  /** Runs as soon as no vCPU does, while the state is still being gathered. */
  onStopped(): void;
  /** The pause is so short that the guest's clock counts it. */
  readonly timeGoesOn: boolean;
}

export interface HandedOver {
  readonly saved: SavedMachine;
  readonly stateBefore: RunState;
}

/** The VM whose guest comes or goes. */
export interface HandedVm {
  readonly turns: Turns;
  readonly state: RunStateHolder;
  readonly events: EventHub;
  readonly activation: Activation;
  isOver(): boolean;
  /** A guest that comes and ran is to run here. */
  startsByItself(): boolean;
  /** The guest wants a reset or its end. */
  hasGuestRequest(): boolean;
  settleGuest(machine: MachineHandle): Promise<void>;
  /** Everything up to the call of `machine.start` is done before this returns its promise. */
  start(machine: MachineHandle, resumedAtMicros: number): Promise<void>;
  /** A line for the operator. */
  report(message: string): void;
}

export class HandOvers {
  readonly #vm: HandedVm;
  #stateBefore: RunState = 'paused';
  /** The backends have given their descriptors away and wait for what becomes of them. */
  #isCarrying = false;

  constructor(vm: HandedVm) {
    this.#vm = vm;
  }

  /** While the guest stands for the hand-over it has powered off. */
  hasPoweredOff(): void {
    this.#stateBefore = 'shutdown';
  }

  /**
   * Source, first half: stops the VM and gives its device state. Ends in `done` or `takeBack`.
   */
  begin({ onStopped, timeGoesOn }: HandOverOptions): Promise<HandedOver> {
    return this.#vm.turns.do(async (machine) => {
      const stateBefore = this.#vm.state.current;
      this.#stateBefore = stateBefore;
      const wasRunning = stateBefore === 'running';
      const countsPause = wasRunning && timeGoesOn;
      const stopped = machine.stop().then(() => {
        this.#vm.state.set('finish-migrate');
        if (wasRunning) this.#vm.events.emit('STOP');
        onStopped();
      });
      const [saved] = await Promise.all([machine.save(countsPause), stopped]);
      if (!this.#vm.hasGuestRequest()) return { saved, stateBefore };
      await this.#vm.settleGuest(machine);
      if (this.#vm.isOver()) throw new Error('the guest has powered off');
      return { saved: await machine.save(countsPause), stateBefore: this.#stateBefore };
    });
  }

  /** Source: descriptors of the backends, which change none of them until `done` or `takeBack`. */
  carry(group: CarryGroup = 'all'): Promise<readonly CarriedDescriptor[]> {
    return this.#vm.turns.do(async (machine) => {
      const descriptors = await machine.carry(group);
      this.#isCarrying = true;
      return descriptors;
    });
  }

  /** Source of a state without descriptors: what only one process may have is given up, before the target wants it. */
  inactivate(): Promise<void> {
    return this.#vm.turns.do((machine) => this.#vm.activation.give(machine, true));
  }

  /** Source: the target has it. */
  done(): void {
    this.#vm.state.set('postmigrate');
    if (!this.#isCarrying) return;
    this.#vm.turns
      .do((machine) => machine.carried('gone'))
      .catch((error: Error) => {
        this.#vm.report(`the hand-over cannot be ended: ${error.message}`);
      });
  }

  /** Source: the hand-over failed, the VM goes on as it was before it. */
  takeBack(): Promise<void> {
    return this.#vm.turns.do(async (machine) => {
      await this.#keepCarried(machine);
      if (this.#vm.state.current !== 'finish-migrate') return;
      if (!(await this.#canGoOn(machine))) return;
      if (this.#stateBefore === 'running') await this.#vm.start(machine, this.#vm.events.clock.nowMicros());
      else this.#vm.state.set(this.#stateBefore);
    });
  }

  /** Target: nothing will come late. Rejects with `QmpError`: a backend cannot be opened. */
  openBackends(): Promise<void> {
    return this.#vm.turns.do(async (machine) => {
      try {
        await machine.openBackends();
      } catch (cause) {
        throw new QmpError((cause as Error).message, 'GenericError', { cause });
      }
    });
  }

  /**
   * Target: takes the state of the source's devices, and what came late. `confirm` tells the source; when it fails
   * the VM does not run here. Resolves when the vCPU was told to start (or is not to), with the promise of its start.
   */
  load(
    sections: Uint8Array,
    stateBefore: RunState,
    confirm: () => Promise<void>,
    received: readonly CarriedDescriptor[] = [],
  ): Promise<{ started: Promise<void> }> {
    return this.#vm.turns.do(async (machine) => {
      const isLive = stateBefore === 'running';
      const runs = isLive && this.#vm.startsByItself();
      await machine.load(sections, runs, received);
      this.#vm.activation.becomes(runs);
      if (!runs) {
        await confirm().catch((error: Error) => machine.leave().then(() => Promise.reject(error)));
        this.#vm.state.set(isLive ? 'paused' : stateBefore);
        return { started: Promise.resolve() };
      }
      const resumedAt = this.#vm.events.clock.nowMicros();
      try {
        await confirm();
      } catch (error) {
        await this.#vm.activation.give(machine, false);
        await machine.leave();
        throw error;
      }
      return { started: this.#vm.start(machine, resumedAt) };
    });
  }

  /** The operator says that the target is no more. */
  async takeBackFromTarget(machine: MachineHandle): Promise<void> {
    await this.#keepCarried(machine);
    await this.#vm.activation.take(machine);
    await this.#vm.start(machine, this.#vm.events.clock.nowMicros());
  }

  /** False: somebody else has its disks; the guest is stopped, and `cont` tries again. */
  async #canGoOn(machine: MachineHandle): Promise<boolean> {
    try {
      await this.#vm.activation.takeBack(machine);
      return true;
    } catch (error) {
      this.#vm.report(`the guest stays stopped: ${(error as Error).message}`);
      this.#vm.state.set('paused');
      return false;
    }
  }

  async #keepCarried(machine: MachineHandle): Promise<void> {
    if (!this.#isCarrying) return;
    this.#isCarrying = false;
    await machine.carried('kept');
  }
}
