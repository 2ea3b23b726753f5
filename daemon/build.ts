/**
 * Builds: VMM binaries that can run machines. What a build can do was asked of it, not read from its version. A
 * build is what its files held when it was registered; when they hold something else, that is another build.
 */
import type { QemuAbilities } from './qemu-abilities.js';
import type { UpgradeMode } from './upgrade.js';

export const BUILD_KINDS = ['baton', 'qemu'] as const;
export type BuildKind = (typeof BUILD_KINDS)[number];

export const FILE_STATES = [
  'as-registered',
  /** There is something else in at least one of its files. */
  'replaced',
  /** At least one of its files is not there. */
  'deleted',
] as const;
export type FileState = (typeof FILE_STATES)[number];

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
  /** Of all its files. */
  readonly contentHash: string;
  /** Beside `path`, for a wrapper, the program that it becomes; for a module, all that it loads. */
  readonly files: readonly string[];
  readonly abilities: BuildAbilities;
  readonly addedAtMs: number;
  /** What the last look at its files showed. */
  readonly fileState: FileState;
  /** By which an unchanged file is known without reading it, as it was at that look. */
  readonly fileStamp: string;
}
