/** Readers of the options about the board: machine, CPU, memory and firmware. */
import type { Draft } from './draft.js';
import type { MemoryBackendOptions, MemoryBackendType, RngOptions } from './options.js';
import { Properties } from './properties.js';

export const MEMORY_BACKEND_TYPES = [
  'memory-backend-memfd',
  'memory-backend-file',
  'memory-backend-ram',
] as const;

const RNG_TYPES = ['rng-builtin', 'rng-random'] as const;
/** What `-object` makes. */
export const OBJECT_TYPES = [...MEMORY_BACKEND_TYPES, ...RNG_TYPES] as const;

export function readMachine(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'type');
  draft.machineType = properties.oneOf('type', 'virt', 'none') ?? draft.machineType;
  readAccelerators(properties);
  properties.only('aia', 'none');
  properties.only('aclint', 'off');
  draft.memoryBackend = properties.string('memory-backend') ?? draft.memoryBackend;
  draft.auxRamShare = properties.bool('aux-ram-share', draft.auxRamShare);
  properties.only('anon-alloc', 'mmap', 'memfd');
  const allocation = properties.string('anon-alloc');
  if (allocation !== null) draft.anonAlloc = allocation === 'memfd' ? 'memfd' : 'mmap';
  draft.dumpDtb = properties.string('dumpdtb') ?? draft.dumpDtb;
  draft.kernel = properties.string('kernel') ?? draft.kernel;
  draft.initrd = properties.string('initrd') ?? draft.initrd;
  draft.append = properties.string('append') ?? draft.append;
  draft.dtb = properties.string('dtb') ?? draft.dtb;
  const firmware = properties.string('firmware');
  if (firmware !== null) readBios(draft, firmware);
  properties.end();
}

export function readBios(draft: Draft, text: string): void {
  if (text === 'none') draft.bios = { mode: 'none', path: null };
  else if (text === 'default') draft.bios = { mode: 'sbi', path: null };
  else draft.bios = { mode: 'file', path: text };
}

export function readCpu(option: string, text: string): void {
  const properties = new Properties(option, text, 'model');
  properties.only('model', 'rv64');
  properties.end();
}

export function readSmp(option: string, text: string): void {
  const properties = new Properties(option, text, 'cpus');
  for (const name of ['cpus', 'sockets', 'dies', 'clusters', 'cores', 'threads', 'maxcpus']) {
    properties.only(name, '1');
  }
  properties.end();
}

export function readAccel(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'accel');
  readAccelerators(properties);
  draft.thread = properties.oneOf('thread', 'single', 'multi') ?? draft.thread;
  properties.end();
}

/** A list is tried from its start, as `kvm:tcg`: the first that there is gets it. */
function readAccelerators(properties: Properties): void {
  const list = properties.string('accel')?.split(':') ?? ['tcg'];
  if (!list.includes('tcg')) properties.only('accel', 'tcg');
}

export function readMemory(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'size');
  draft.ramBytes = properties.size('size', 'm');
  properties.end();
}

export function readObject(draft: Draft, option: string, text: string): void {
  const properties = new Properties(option, text, 'qom-type');
  const type = properties.requiredString('qom-type');
  const id = properties.requiredString('id');
  if ([...draft.backends, ...draft.rngs].some((other) => other.id === id)) {
    throw properties.error(`duplicate id '${id}'`);
  }
  const object = readTyped(properties, type, id);
  if (isRngOptions(object)) draft.rngs.push(object);
  else draft.backends.push(object);
}

/** One object. Throws `OptionError`. */
export function readObjectOptions(option: string, text: string): MemoryBackendOptions | RngOptions {
  const properties = new Properties(option, text, 'qom-type');
  const type = properties.requiredString('qom-type');
  return readTyped(properties, type, properties.requiredString('id'));
}

export function isRngOptions(object: MemoryBackendOptions | RngOptions): object is RngOptions {
  return isRng(object.type);
}

function readTyped(properties: Properties, type: string, id: string): MemoryBackendOptions | RngOptions {
  let object: MemoryBackendOptions | RngOptions;
  if (isMemoryBackend(type)) object = readMemoryBackend(properties, type, id);
  else if (isRng(type)) object = readRng(properties, type, id);
  else throw properties.error(`invalid object type '${type}', have ${OBJECT_TYPES.join(', ')}`);
  properties.end();
  return object;
}

function readMemoryBackend(
  properties: Properties,
  type: MemoryBackendType,
  id: string,
): MemoryBackendOptions {
  const sizeBytes = properties.size('size', 'b');
  if (sizeBytes === null || sizeBytes === 0)
    throw properties.error(`${id}: parameter 'size' must be above 0`);
  properties.only('reserve', 'on', 'off');
  properties.only('merge', 'off');
  properties.only('dump', 'on', 'off');
  if (type === 'memory-backend-memfd') {
    properties.only('hugetlb', 'off');
    properties.only('seal', 'off');
  }
  if (type === 'memory-backend-file') checkAlignment(properties, id, sizeBytes);
  return {
    id,
    type,
    sizeBytes,
    share: properties.bool('share', type === 'memory-backend-memfd'),
    prealloc: properties.bool('prealloc', false),
    path: type === 'memory-backend-file' ? properties.requiredString('mem-path') : null,
  };
}

/** Where RAM is mapped is fixed; the file is what has to fit. */
function checkAlignment(properties: Properties, id: string, sizeBytes: number): void {
  const alignBytes = properties.size('align', 'b') ?? 1;
  const isPower = alignBytes > 0 && Number.isInteger(Math.log2(alignBytes));
  if (!isPower || sizeBytes % alignBytes !== 0) {
    throw properties.error(
      `${id}: 'align' must be a power of two that divides the size of ${sizeBytes} bytes`,
    );
  }
}

function readRng(properties: Properties, type: RngOptions['type'], id: string): RngOptions {
  const path = type === 'rng-random' ? (properties.string('filename') ?? '/dev/urandom') : null;
  return { id, type, path };
}

function isRng(type: string): type is RngOptions['type'] {
  return (RNG_TYPES as readonly string[]).includes(type);
}

function isMemoryBackend(type: string): type is MemoryBackendType {
  return (MEMORY_BACKEND_TYPES as readonly string[]).includes(type);
}
