/** Checks what single options cannot know of one another, and makes the options final. */
import { MAX_RAM_BYTES } from '../cpu/memory-map.js';
import { checkNodeNames } from './block-options.js';
import { placeDevices } from './device-options.js';
import { textOf } from './device-type.js';
import type { Draft } from './draft.js';
import { OptionError } from './error.js';
import type { MemoryOptions, VmmOptions } from './options.js';

const DEFAULT_RAM_BYTES = 128 * 2 ** 20;
const NO_MEMORY: MemoryOptions = { sizeBytes: 0, backends: [] };
/** QEMU rounds RAM up to this, so the same `-m` gives the same machine. */
const RAM_ALIGNMENT_BYTES = 8192;

export function finish(draft: Draft): VmmOptions {
  const hasDefaults = !draft.nodefaults && draft.machineType !== 'none';
  if (draft.nographic && !draft.serialGiven && hasDefaults) addStdioSerial(draft);
  const runs = draft.action === 'run';
  const devices = placeDevices(draft.devices);
  const memory = runs ? finishMemory(draft) : NO_MEMORY;
  if (runs) {
    if (draft.machineType === 'none') checkNoMachine(draft);
    else checkBoot(draft);
    checkChardevs(draft);
    checkNodeNames([...draft.blockdevs, ...draft.drives.map(({ node }) => node)]);
  }
  return {
    action: runs && draft.dumpDtb !== null ? 'dumpdtb' : draft.action,
    machine: {
      type: draft.machineType,
      memoryBackend: draft.memoryBackend,
      auxRamShare: draft.auxRamShare || draft.anonAlloc === 'memfd',
      anonAlloc: draft.anonAlloc,
      dumpDtb: draft.dumpDtb,
      thread: draft.thread,
    },
    memory,
    boot: {
      bios: draft.bios,
      kernel: draft.kernel,
      initrd: draft.initrd,
      append: draft.append,
      dtb: draft.dtb,
    },
    chardevs: draft.chardevs,
    serials: draft.serials,
    monitors: draft.monitors,
    devices,
    rngs: draft.rngs,
    blockdevs: draft.blockdevs,
    drives: draft.drives,
    netdevs: draft.netdevs,
    addFds: draft.addFds,
    incoming: draft.incoming,
    startStopped: draft.startStopped,
    name: draft.name,
    uuid: draft.uuid,
    pidfile: draft.pidfile,
    daemonize: draft.daemonize,
    noReboot: draft.noReboot,
    noShutdown: draft.noShutdown,
    migrationDefaults: draft.migrationDefaults,
  };
}

function addStdioSerial(draft: Draft): void {
  draft.chardevs.push({ id: 'serial0', backend: 'stdio', signal: true, logfile: null, logAppend: false });
  draft.serials.push('serial0');
}

/** `-machine none` has nothing that these could be for. */
function checkNoMachine(draft: Draft): void {
  const { memoryBackend, kernel, initrd, append, dtb, bios, serials, incoming } = draft;
  const given = {
    '-object': memoryBackend,
    '-kernel': kernel,
    '-initrd': initrd,
    '-append': append,
    '-dtb': dtb,
    '-bios': bios.path,
  };
  const [option] = Object.entries(given).find(([, value]) => value !== null) ?? [];
  if (option !== undefined) throw new OptionError(option, 'needs a machine, but it is none');
  if (serials.length > 0) throw new OptionError('-serial', 'needs a machine, but it is none');
  if (draft.devices.length > 0) throw new OptionError('-device', 'needs a machine, but it is none');
  if (draft.blockdevs.length > 0) throw new OptionError('-blockdev', 'needs a machine, but it is none');
  if (draft.drives.length > 0) throw new OptionError('-drive', 'needs a machine, but it is none');
  if (draft.netdevs.length > 0) throw new OptionError('-netdev', 'needs a machine, but it is none');
  if (incoming !== null) throw new OptionError('-incoming', 'needs a machine, but it is none');
}

function finishMemory(draft: Draft): MemoryOptions {
  const backend = draft.backends.find(({ id }) => id === draft.memoryBackend);
  if (draft.memoryBackend !== null && backend === undefined) {
    throw new OptionError(
      '-machine',
      `memory backend '${draft.memoryBackend}' not found among the -object options`,
    );
  }
  const unused = draft.backends.find(({ id }) => id !== draft.memoryBackend);
  if (unused !== undefined) {
    throw new OptionError(
      '-object',
      `'${unused.id}' is used by nothing: give -machine memory-backend=${unused.id}`,
    );
  }
  if (draft.ramBytes === 0) throw new OptionError('-m', 'RAM size must be above 0');
  if (draft.machineType === 'none') return NO_MEMORY;
  const asked = draft.ramBytes ?? backend?.sizeBytes ?? DEFAULT_RAM_BYTES;
  const sizeBytes = Math.ceil(asked / RAM_ALIGNMENT_BYTES) * RAM_ALIGNMENT_BYTES;
  if (sizeBytes > MAX_RAM_BYTES) {
    throw new OptionError('-m', `RAM of ${sizeBytes} bytes is beyond the limit of ${MAX_RAM_BYTES} bytes`);
  }
  if (backend !== undefined && backend.sizeBytes !== sizeBytes) {
    throw new OptionError(
      '-m',
      `machine memory size ${sizeBytes} does not match size ${backend.sizeBytes} of memory backend '${backend.id}'`,
    );
  }
  return { sizeBytes, backends: draft.backends };
}

function checkBoot(draft: Draft): void {
  if (draft.kernel !== null) return;
  if (draft.initrd !== null) throw new OptionError('-initrd', 'needs -kernel');
  if (draft.append !== null) throw new OptionError('-append', 'needs -kernel');
  const needsKernel = draft.bios.mode !== 'file' && draft.incoming === null && draft.dumpDtb === null;
  if (needsKernel)
    throw new OptionError('-kernel', 'is missing, and no -bios FILE is there to start instead');
}

/** Every port has a chardev that exists, and no chardev has two users. */
function checkChardevs(draft: Draft): void {
  if (draft.serials.length > 1)
    throw new OptionError('-serial', 'given twice, the machine has one serial port');
  const users = new Set<string>();
  const use = (option: string, id: string) => {
    if (!draft.chardevs.some((chardev) => chardev.id === id)) {
      throw new OptionError(option, `chardev '${id}' not found`);
    }
    if (users.has(id)) throw new OptionError(option, `chardev '${id}' is already in use`);
    users.add(id);
  };
  for (const id of draft.serials) if (id !== null) use('-serial', id);
  for (const { chardev } of draft.monitors) use('-mon', chardev);
  for (const { driver, values } of draft.devices)
    useDeviceChardev(driver, textOf(values, 'chardev'), draft, users);
  for (const netdev of draft.netdevs) if (netdev.type === 'vhost-user') use('-netdev', netdev.chardev);
  const stdio = draft.chardevs.filter(({ backend }) => backend === 'stdio');
  if (draft.daemonize && stdio.length > 0) {
    throw new OptionError('-daemonize', 'a process in the background has no stdio for a character device');
  }
  if (stdio.length > 1) throw new OptionError('-chardev', 'stdio can be used by one character device only');
}

/** Here QEMU complains of the property. */
function useDeviceChardev(driver: string, id: string | null, { chardevs }: Draft, users: Set<string>): void {
  if (id === null) return;
  const property = `Property '${driver}.chardev' can't`;
  if (!chardevs.some((chardev) => chardev.id === id)) {
    throw new OptionError('-device', `${property} find value '${id}'`);
  }
  if (users.has(id)) {
    throw new OptionError('-device', `${property} take value '${id}': chardev '${id}' is already in use`);
  }
  users.add(id);
}
