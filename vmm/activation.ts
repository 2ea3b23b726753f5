/** Whether this process has what only one may have of a guest (its disks); the other one is that it was migrated to. */
import { setTimeout } from 'node:timers/promises';
import type { MachineHandle } from './machine/handle.js';
import { QmpError } from './qmp/error.js';

/** A target that failed may take a moment to let go. */
const RETRY_MS = 50;
const RETRY_DEADLINE_MS = 5000;

export class Activation {
  #isActive: boolean;

  constructor(isActive: boolean) {
    this.#isActive = isActive;
  }

  /** The machine has been told otherwise. */
  becomes(isActive: boolean): void {
    this.#isActive = isActive;
  }

  /** Throws `QmpError`: somebody else has it. */
  async take(machine: MachineHandle): Promise<void> {
    if (this.#isActive) return;
    try {
      await machine.activate();
    } catch (cause) {
      throw new QmpError((cause as Error).message, 'GenericError', { cause });
    }
    this.#isActive = true;
  }

  /** Takes it back from a target that does not have the guest after all. */
  async takeBack(machine: MachineHandle): Promise<void> {
    const giveUpAt = performance.now() + RETRY_DEADLINE_MS;
    for (;;) {
      try {
        await this.take(machine);
        return;
      } catch (error) {
        if (performance.now() >= giveUpAt) throw error;
        await setTimeout(RETRY_MS);
      }
    }
  }

  /** As `MachineHandle.inactivate`. */
  async give(machine: MachineHandle, ours: boolean): Promise<void> {
    this.#isActive = false;
    await machine.inactivate(ours);
  }
}
