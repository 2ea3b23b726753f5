/**
 * Guest RAM: one shared WebAssembly memory whose upper part is the guest's RAM. With `share=on` that part
 * is a mapping of a descriptor (a memfd or the user's file), so that another process can map the same
 * pages; without, it is anonymous memory of this process and cannot be handed over.
 *
 * Guarantees: a descriptor that was received holds at least the RAM it is said to hold before anything is
 * mapped, and its contents are not touched. Memory comes zeroed from the kernel otherwise.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { createMemfd, mapShared } from '../../native/index.js';
import { RAM_OFFSET, wasmPages } from '../cpu/memory-map.js';
import { openPath } from '../descriptors/open-path.js';
import type { MemoryBackendOptions, MemoryBackendType, VmmOptions } from '../options/options.js';
import { OptionError } from '../options/options.js';

const PAGE_BYTES = 4096;
/** One read call takes at most 2 GiB. */
const READ_CHUNK_BYTES = 1 << 30;

export interface GuestMemory {
  readonly memory: WebAssembly.Memory;
  /** The descriptor behind RAM; `null` when it is private. Owned by this process until it ends. */
  readonly fd: number | null;
  readonly sizeBytes: number;
  /** True when RAM is a shared mapping of `fd`: what a hand-over of RAM needs. */
  readonly share: boolean;
  /** Another process can open the same memory by its path. */
  readonly isNamedFile: boolean;
  /** Name of the RAM block in streams: the backend's id, or QEMU's name for the machine's own RAM. */
  readonly backendId: string;
  readonly backendType: MemoryBackendType | 'ram';
}

/** Name QEMU gives to the RAM of its riscv64 `virt` machine when no backend is named. */
export const DEFAULT_RAM_ID = 'riscv_virt_board.ram';

/**
 * Makes the RAM that the options describe. `receivedFd`: RAM of a VM that is being taken over; it is
 * mapped shared whatever the options say, and is owned from here on.
 */
export function createGuestMemory(options: VmmOptions, receivedFd: number | null): GuestMemory {
  const { sizeBytes, backends } = options.memory;
  const backend = backends.find(({ id }) => id === options.machine.memoryBackend) ?? null;
  if (receivedFd !== null) checkSize(receivedFd, sizeBytes);
  const fd = receivedFd ?? openShared(options, backend);
  const memory = allocate(sizeBytes);
  const ram = ramOf({ memory, sizeBytes });
  if (fd !== null) mapShared(ram, fd, 0);
  else if (backend?.type === 'memory-backend-file') readFileInto(ram, backend);
  if (backend?.prealloc && receivedFd === null) touchPages(ram);
  return {
    memory,
    fd,
    sizeBytes,
    share: fd !== null,
    isNamedFile: isNamedFile(backend),
    backendId: backend?.id ?? DEFAULT_RAM_ID,
    backendType: backend?.type ?? 'ram',
  };
}

/** `null`: RAM is private to this process. */
function openShared({ machine, memory }: VmmOptions, backend: MemoryBackendOptions | null): number | null {
  if (backend !== null) return backend.share ? openBackend(backend) : null;
  return machine.anonAlloc === 'memfd' ? createMemfd(DEFAULT_RAM_ID, memory.sizeBytes) : null;
}

/** The guest's RAM as bytes; offset 0 is guest-physical 0x80000000. */
export function ramOf({ memory, sizeBytes }: Pick<GuestMemory, 'memory' | 'sizeBytes'>): Uint8Array {
  return new Uint8Array(memory.buffer, RAM_OFFSET, sizeBytes);
}

function isNamedFile(backend: MemoryBackendOptions | null): boolean {
  if (backend?.type !== 'memory-backend-file') return false;
  return statSync(backend.path ?? '', { throwIfNoEntry: false })?.isFile() ?? false;
}

function allocate(sizeBytes: number): WebAssembly.Memory {
  const pages = wasmPages(sizeBytes);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new Error(`cannot reserve address space for ${sizeBytes} bytes of guest RAM`, { cause });
  }
}

function checkSize(fd: number, sizeBytes: number): void {
  const held = fstatSync(fd).size;
  if (held >= sizeBytes) return;
  throw new Error(
    `the RAM descriptor received holds ${held} bytes, this machine has ${sizeBytes} bytes of RAM`,
  );
}

/** The descriptor behind a backend, with all of its bytes; the caller's. */
export function openBackend(backend: MemoryBackendOptions): number {
  if (backend.type !== 'memory-backend-file') return createMemfd(backend.id, backend.sizeBytes);
  const fd = openFile(backend, constants.O_RDWR | constants.O_CREAT);
  const held = fstatSync(fd).size;
  if (held === 0) {
    ftruncateSync(fd, backend.sizeBytes);
  } else if (held < backend.sizeBytes) {
    closeSync(fd);
    throw tooSmall(backend, held);
  }
  return fd;
}

/** Opens `mem-path`; a directory gets a file that has no name any more once it is open, as in QEMU. */
function openFile(backend: MemoryBackendOptions, flags: number): number {
  const path = backend.path ?? '';
  try {
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (!isDirectory) return openPath(path, flags, 0o600);
    const unnamed = join(path, `.baton-${process.pid}-${backend.id}`);
    const fd = openSync(unnamed, flags | constants.O_CREAT | constants.O_EXCL, 0o600);
    unlinkSync(unnamed);
    return fd;
  } catch (error) {
    throw new OptionError('-object', `${backend.id}: cannot open mem-path: ${(error as Error).message}`);
  }
}

/** share=off: the file is where RAM starts from; what the guest writes does not reach it. */
function readFileInto(ram: Uint8Array, backend: MemoryBackendOptions): void {
  const fd = openFile(backend, constants.O_RDONLY);
  try {
    const held = fstatSync(fd).size;
    if (held !== 0 && held < backend.sizeBytes) throw tooSmall(backend, held);
    for (let offset = 0; offset < ram.length; ) {
      const got = readSync(fd, ram, offset, Math.min(READ_CHUNK_BYTES, ram.length - offset), offset);
      if (got === 0) break;
      offset += got;
    }
  } finally {
    closeSync(fd);
  }
}

function tooSmall(backend: MemoryBackendOptions, heldBytes: number): OptionError {
  return new OptionError(
    '-object',
    `${backend.id}: ${backend.path} holds ${heldBytes} bytes, size is ${backend.sizeBytes}`,
  );
}

function touchPages(ram: Uint8Array): void {
  for (let offset = 0; offset < ram.length; offset += PAGE_BYTES) ram[offset] = ram[offset] ?? 0;
}
