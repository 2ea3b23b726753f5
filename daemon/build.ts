/** Builds: VMM binaries that can run machines. What a build can do was asked of it, not read from its version. */
import type { QemuAbilities } from './qemu-abilities.js';
import type { UpgradeMode } from './upgrade.js';

export const BUILD_KINDS = ['baton', 'qemu'] as const;
export type BuildKind = (typeof BUILD_KINDS)[number];

export interface BuildAbilities {
  /** Ways of leaving and of entering an instance of this build. */
  readonly modes: readonly UpgradeMode[];
  /** What only QEMU says of itself. */
  readonly qemu?: QemuAbilities;
}

export interface Build {
  readonly id: string;
  readonly kind: BuildKind;
  readonly path: string;
  readonly version: string;
  readonly contentHash: string;
  readonly abilities: BuildAbilities;
  readonly addedAtMs: number;
}
