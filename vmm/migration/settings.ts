/**
 * Migration parameters and capabilities of this process. Both keep their values from one migration to
 * the next, and both may only change while none is under way.
 */
import { QmpError } from '../qmp/error.js';
import type { MigrationMode } from '../qmp/protocol.js';
import { OUTGOING_MODES } from './modes.js';

export const CAPABILITIES = [
  /** MIGRATION and MIGRATION_PASS are emitted. */
  'events',
  /** The target tells the source whether it has loaded: `completed` on the source then means loaded. */
  'return-path',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export interface CapabilityStatus {
  readonly capability: Capability;
  readonly state: boolean;
}

export interface MigrationParameters {
  readonly mode: MigrationMode;
}

export class MigrationSettings {
  readonly #capabilities: Map<Capability, boolean>;
  #mode: MigrationMode = 'normal';

  constructor(defaults: { readonly events: boolean; readonly returnPath: boolean }) {
    this.#capabilities = new Map([
      ['events', defaults.events],
      ['return-path', defaults.returnPath],
    ]);
  }

  get mode(): MigrationMode {
    return this.#mode;
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
    return { mode: this.#mode };
  }

  setParameters({ mode }: Partial<MigrationParameters>): void {
    if (mode === undefined) return;
    if (mode !== 'normal' && OUTGOING_MODES[mode] === null) {
      throw new QmpError(`Parameter 'mode': '${mode}' is not supported yet`);
    }
    this.#mode = mode;
  }
}
