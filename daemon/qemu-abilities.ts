/** What a QEMU binary said of itself when it was asked. Plain data: it is stored with the build. */
import type { Accelerator } from './hardware.js';

export interface QemuMachineType {
  readonly name: string;
  /** A second name that means another machine in the next version, such as `q35`; null for most. */
  readonly alias: string | null;
  readonly deprecated: boolean;
  readonly maxVcpus: number;
}

export interface QemuAbilities {
  /** The guest's architecture, in QEMU's words: `x86_64`, `riscv64`. */
  readonly architecture: string;
  readonly machineTypes: readonly QemuMachineType[];
  /** Those that worked on this host when it was asked, best first. */
  readonly accelerators: readonly Accelerator[];
  readonly capabilities: readonly string[];
  readonly parameters: readonly string[];
  readonly channelTypes: readonly string[];
}
