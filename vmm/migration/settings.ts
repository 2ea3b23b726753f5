/**
 * Migration parameters and capabilities of this process. Both keep their values from one migration to
 * the next, and both may only change while none is under way.
 */
import type { MigrationMode } from '../qmp/protocol.js';
import { IGNORE_SHARED } from './stream-format.js';

export const CAPABILITIES = [
  /** MIGRATION and MIGRATION_PASS are emitted. */
  'events',
  /** The target tells the source whether it has loaded: `completed` on the source then means loaded. */
  'return-path',
  /** RAM that is a shared file stays out of the stream; both sides must have it the same. */
  IGNORE_SHARED,
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export interface CapabilityStatus {
  readonly capability: Capability;
  readonly state: boolean;
}

export interface MigrationParameters {
  readonly mode: MigrationMode;
  /** What cpr-exec executes: the program, looked for in PATH, and its arguments. */
  readonly 'cpr-exec-command': readonly string[];
  /** The cpr channel of cpr-transfer, for a `migrate` that names only the main one. Absent: not set. */
  readonly 'cpr-uri'?: string;
  /** Network backends go late: in the main channel, a unix socket, with the guest's state. Both sides must have it. */
  readonly local: boolean;
}

export type CapabilityDefaults = Readonly<Partial<Record<Capability, boolean>>>;

export class MigrationSettings {
  readonly #capabilities = new Map<Capability, boolean>();
  #parameters: MigrationParameters = { mode: 'normal', 'cpr-exec-command': [], local: false };

  constructor(defaults: CapabilityDefaults) {
    for (const capability of CAPABILITIES) this.#capabilities.set(capability, defaults[capability] ?? false);
  }

  get mode(): MigrationMode {
    return this.#parameters.mode;
  }

  get isLocal(): boolean {
    return this.#parameters.local;
  }

  has(capability: Capability): boolean {
    return this.#capabilities.get(capability) ?? false;
  }

  capabilities(): CapabilityStatus[] {
    return CAPABILITIES.map((capability) => ({ capability, state: this.has(capability) }));
  }

  setCapabilities(changes: readonly CapabilityStatus[]): void {
    for (const { capability, state } of changes) this.#capabilities.set(capability, state);
  }

  parameters(): MigrationParameters {
    return this.#parameters;
  }

  setParameters(changes: Partial<MigrationParameters>): void {
    this.#parameters = { ...this.#parameters, ...changes };
  }
}
