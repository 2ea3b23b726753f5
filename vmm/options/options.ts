/**
 * The command line as plain data. `parseOptions` knows the syntax and everything that can be judged from
 * the words alone; whether files exist and are what they should be is `check.ts`. What QEMU has and we
 * have not is refused by name, never ignored.
 */
import type { Address } from '../migration/address.js';
import type { CapabilityDefaults } from '../migration/settings.js';
import type { BlockNodeOptions } from './block-options.js';
import type { DeviceOptions } from './device-options.js';
import type { DriveOptions } from './drive-options.js';
import type { MEMORY_BACKEND_TYPES } from './machine-options.js';
import type { NetdevOptions } from './netdev-options.js';

export type { BlockNodeOptions } from './block-options.js';
export type { DeviceOptions } from './device-options.js';
export type { DriveOptions, ErrorPolicy } from './drive-options.js';
export { OptionError } from './error.js';
export type { NetdevOptions } from './netdev-options.js';
export { parseOptions } from './parse.js';

export interface VmmOptions {
  readonly action: 'run' | 'version' | 'help' | 'dumpdtb';
  readonly machine: MachineOptions;
  readonly memory: MemoryOptions;
  readonly boot: BootOptions;
  /** All character devices, those made by `-serial` and `-qmp` short forms included. Ids are unique. */
  readonly chardevs: readonly ChardevOptions[];
  /** UARTs in order; the id of a chardev, or `null` for a port with nothing behind it. */
  readonly serials: readonly (string | null)[];
  readonly monitors: readonly MonitorOptions[];
  /** Those that `-device` adds to the board, in its order; virtio devices have their slot. */
  readonly devices: readonly DeviceOptions[];
  /** Sources of entropy that devices can name. */
  readonly rngs: readonly RngOptions[];
  /** Block nodes of `-blockdev`, in its order. */
  readonly blockdevs: readonly BlockNodeOptions[];
  /** Images of `-drive`. */
  readonly drives: readonly DriveOptions[];
  /** Network backends that devices can name. */
  readonly netdevs: readonly NetdevOptions[];
  /** Sets of descriptors that are there from the start. */
  readonly addFds: readonly AddFdOptions[];
  /** `null`: the machine boots. */
  readonly incoming: IncomingOptions | null;
  readonly startStopped: boolean;
  readonly name: string | null;
  readonly uuid: string | null;
  readonly pidfile: string | null;
  /** Go on in the background; who started it waits until it is ready. */
  readonly daemonize: boolean;
  readonly noReboot: boolean;
  readonly noShutdown: boolean;
  readonly migrationDefaults: CapabilityDefaults;
}

export interface MachineOptions {
  /** `none`: no machine, only monitors. */
  readonly type: 'virt' | 'none';
  readonly memoryBackend: string | null;
  readonly auxRamShare: boolean;
  /** `memfd`: memory that no backend stands behind can be handed over, guest RAM without a backend as well. */
  readonly anonAlloc: 'mmap' | 'memfd';
  readonly dumpDtb: string | null;
  /** `multi`: the machine has a thread of its own, beside that of the monitors. */
  readonly thread: 'single' | 'multi';
}

export interface MemoryOptions {
  readonly sizeBytes: number;
  readonly backends: readonly MemoryBackendOptions[];
}

export interface MemoryBackendOptions {
  readonly id: string;
  readonly type: MemoryBackendType;
  readonly sizeBytes: number;
  readonly share: boolean;
  readonly prealloc: boolean;
  /** Only `memory-backend-file`: a file, or a directory to make an unlinked file in. */
  readonly path: string | null;
}

export type MemoryBackendType = (typeof MEMORY_BACKEND_TYPES)[number];

export interface BootOptions {
  readonly bios: BiosOptions;
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly append: string | null;
  readonly dtb: string | null;
}

/** `sbi`: the built-in firmware; `none`: M-mode from the start of RAM; `file`: an image of the user's. */
export interface BiosOptions {
  readonly mode: 'sbi' | 'none' | 'file';
  readonly path: string | null;
}

interface ChardevBase {
  readonly id: string;
  readonly logfile: string | null;
  readonly logAppend: boolean;
}
export type ChardevOptions = ChardevBase &
  (
    | { readonly backend: 'null' | 'pty' }
    | { readonly backend: 'stdio'; readonly signal: boolean }
    | {
        readonly backend: 'file';
        readonly path: string;
        readonly append: boolean;
        /** A FIFO or another file that input comes from. */
        readonly inputPath: string | null;
      }
    | SocketChardevOptions
  );

export interface SocketChardevOptions {
  readonly backend: 'socket';
  readonly path: string;
  readonly server: boolean;
  /** Server only: opening waits for the first client. */
  readonly wait: boolean;
  /** Client only: milliseconds between attempts, 0 for none after the first. */
  readonly reconnectMs: number;
}

export interface MonitorOptions {
  readonly chardev: string;
  /** QMP, or the human monitor. */
  readonly mode: 'control' | 'readline';
  readonly pretty: boolean;
}

/** `path` is null for the host's own generator. */
export interface RngOptions {
  readonly id: string;
  readonly type: 'rng-builtin' | 'rng-random';
  readonly path: string | null;
}

/** `-add-fd`: a descriptor that this process was started with, for `/dev/fdset/N`. */
export interface AddFdOptions {
  readonly fd: number;
  readonly set: number;
  readonly opaque: string | null;
}

export interface IncomingOptions {
  /** `null`: not said, which is as good as `defer`. */
  readonly main: { readonly kind: 'defer' } | Address | null;
  readonly cpr: { readonly path: string } | null;
}
