/** What the options seen so far say; filled by the option readers, checked and frozen by `finish.ts`. */
import type { BlockNodeOptions } from './block-options.js';
import type { DeviceOptions } from './device-options.js';
import type { DriveOptions } from './drive-options.js';
import type { NetdevOptions } from './netdev-options.js';
import type {
  AddFdOptions,
  BiosOptions,
  ChardevOptions,
  MemoryBackendOptions,
  MonitorOptions,
  RngOptions,
  VmmOptions,
} from './options.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface Draft {
  action: VmmOptions['action'];
  machineType: VmmOptions['machine']['type'];
  memoryBackend: string | null;
  auxRamShare: boolean;
  anonAlloc: VmmOptions['machine']['anonAlloc'];
  dumpDtb: string | null;
  thread: VmmOptions['machine']['thread'];
  ramBytes: number | null;
  backends: MemoryBackendOptions[];
  bios: BiosOptions;
  kernel: string | null;
  initrd: string | null;
  append: string | null;
  dtb: string | null;
  chardevs: ChardevOptions[];
  /** `null`: a port with nothing behind it, `undefined` never: `-serial none` adds no entry. */
  serials: (string | null)[];
  serialGiven: boolean;
  nographic: boolean;
  nodefaults: boolean;
  monitors: MonitorOptions[];
  addFds: AddFdOptions[];
  /** Not yet placed. */
  devices: DeviceOptions[];
  rngs: RngOptions[];
  blockdevs: BlockNodeOptions[];
  drives: DriveOptions[];
  netdevs: NetdevOptions[];
  incoming: Mutable<NonNullable<VmmOptions['incoming']>> | null;
  startStopped: boolean;
  name: string | null;
  uuid: string | null;
  pidfile: string | null;
  daemonize: boolean;
  noReboot: boolean;
  noShutdown: boolean;
  migrationDefaults: Mutable<VmmOptions['migrationDefaults']>;
}

export function emptyDraft(): Draft {
  return {
    action: 'run',
    machineType: 'virt',
    memoryBackend: null,
    auxRamShare: false,
    anonAlloc: 'mmap',
    dumpDtb: null,
    thread: 'single',
    ramBytes: null,
    backends: [],
    bios: { mode: 'sbi', path: null },
    kernel: null,
    initrd: null,
    append: null,
    dtb: null,
    chardevs: [],
    serials: [],
    serialGiven: false,
    nographic: false,
    nodefaults: false,
    monitors: [],
    addFds: [],
    devices: [],
    rngs: [],
    blockdevs: [],
    drives: [],
    netdevs: [],
    incoming: null,
    startStopped: false,
    name: null,
    uuid: null,
    pidfile: null,
    daemonize: false,
    noReboot: false,
    noShutdown: false,
    migrationDefaults: {},
  };
}
