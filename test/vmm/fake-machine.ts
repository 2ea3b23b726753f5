/** A machine without a guest: says what it was asked, and does what a test tells it to. */
import type { DisksDescription } from '../../vmm/block/describe.js';
import type { CarriedDescriptor, CarryOutcome } from '../../vmm/carried.js';
import { CPU_RESET, type CpuState } from '../../vmm/cpu/state.js';
import type { Change } from '../../vmm/machine/change.js';
import type { DeviceQuestion } from '../../vmm/machine/device-question.js';
import type { MachineEvents, MachineHandle, SavedMachine } from '../../vmm/machine/handle.js';

export class FakeMachine implements MachineHandle {
  readonly calls: string[] = [];
  readonly terminals = {};
  /** Set by the VM that the machine is given to. */
  events: MachineEvents | null = null;
  sections: Uint8Array = Uint8Array.of(1, 2, 3);
  loaded: Uint8Array | null = null;
  /** Runs inside `stop`, when the guest has just been stopped. */
  onStop: () => void = () => {};
  stopError: Error | null = null;
  carriedDescriptors: readonly CarriedDescriptor[] = [];
  loadError: Error | null = null;
  activateError: Error | null = null;

  async start(): Promise<void> {
    this.calls.push('start');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
    if (this.stopError !== null) throw this.stopError;
    this.onStop();
  }

  async reset(): Promise<void> {
    this.calls.push('reset');
  }

  async powerdown(): Promise<void> {
    this.calls.push('powerdown');
  }

  async save(handOver: boolean): Promise<SavedMachine> {
    this.calls.push(`save ${handOver}`);
    return { sections: this.sections, description: [] };
  }

  async load(sections: Uint8Array, activate: boolean): Promise<void> {
    this.calls.push(activate ? 'load and activate' : 'load');
    if (this.loadError !== null) throw this.loadError;
    this.loaded = sections;
  }

  async openBackends(): Promise<void> {
    this.calls.push('open backends');
  }

  async leave(): Promise<void> {
    this.calls.push('leave');
  }

  async activate(): Promise<void> {
    this.calls.push('activate');
    if (this.activateError !== null) throw this.activateError;
  }

  async inactivate(ours: boolean): Promise<void> {
    this.calls.push(`inactivate ${ours}`);
  }

  async rehearse(): Promise<SavedMachine> {
    return { sections: this.sections, description: [] };
  }

  async carry(): Promise<readonly CarriedDescriptor[]> {
    this.calls.push('carry');
    return this.carriedDescriptors;
  }

  async carried(outcome: CarryOutcome): Promise<void> {
    this.calls.push(`carried ${outcome}`);
  }

  async disks(): Promise<DisksDescription> {
    return { nodes: [], disks: [] };
  }

  async resizeDisk(): Promise<void> {
    this.calls.push('resizeDisk');
  }

  async change(change: Change): Promise<void> {
    this.calls.push(`change ${JSON.stringify(change)}`);
  }

  async ask(slot: number, question: DeviceQuestion): Promise<unknown> {
    this.calls.push(`ask ${slot} ${JSON.stringify(question)}`);
    return null;
  }

  async network() {
    return { nics: [], netdevs: [] };
  }

  async registers(): Promise<CpuState> {
    return CPU_RESET;
  }

  async close(): Promise<void> {
    this.calls.push('close');
  }

  /** What it was asked since the last look. */
  take(): string[] {
    return this.calls.splice(0);
  }
}
