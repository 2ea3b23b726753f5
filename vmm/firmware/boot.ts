/**
 * Gets a guest into RAM: firmware, kernel, initrd and device tree at the addresses QEMU's riscv64 `virt`
 * machine puts them, and what the hart's registers are at its first instruction. Nothing overlaps and
 * everything fits, or an error says what does not.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { KERNEL_OFFSET_BYTES, RAM_BASE_ADDRESS } from '../layout.js';
import { OptionError } from '../options/error.js';
import type { VmmOptions } from '../options/options.js';
import { BootFile } from './boot-file.js';
import { buildDeviceTree, withChosen } from './device-tree.js';
import { decodeFdt, encodeFdt } from './fdt.js';
import type { Program } from './program.js';
import { findProgram } from './program.js';
import { buildResetRom, DYNAMIC_INFO_ADDRESS } from './reset-rom.js';

const MIB = 2 ** 20;
const RNG_SEED_BYTES = 32;
/** The device tree stays below 3 GiB, where 32-bit firmware can reach it, as in QEMU. */
const FDT_LIMIT_ADDRESS = 3072 * MIB;
const FDT_ALIGNMENT_BYTES = 2 * MIB;
const MAX_FDT_BYTES = 2 * MIB;

export interface BootEntry {
  readonly pc: number;
  readonly a1: number;
  readonly a2: number;
}

interface Block {
  readonly option: string;
  readonly what: string;
  readonly start: number;
  readonly end: number;
}

/** From the kernel: Node's own takes 2 ms to load. */
function randomSeed(): Uint8Array {
  const seed = new Uint8Array(RNG_SEED_BYTES);
  const fd = openSync('/dev/urandom', 'r');
  try {
    readSync(fd, seed);
  } finally {
    closeSync(fd);
  }
  return seed;
}

export class Boot {
  readonly #append: string | null;
  readonly #ramSizeBytes: number;
  readonly #files: BootFile[] = [];
  readonly #firmware: Program | null;
  readonly #kernel: Program | null;
  readonly #initrd: BootFile | null;
  readonly #tree: Uint8Array;
  readonly #initrdStart: number;
  readonly #fdtStart: number;
  /** What the hart finds at 0x1000. */
  readonly rom: Uint8Array;
  readonly entry: BootEntry;

  /** Opens and judges all files and decides where they go; RAM is not touched. */
  constructor({ boot, memory }: Pick<VmmOptions, 'boot' | 'memory'>) {
    this.#append = boot.append;
    this.#ramSizeBytes = memory.sizeBytes;
    try {
      const { mode } = boot.bios;
      const firmware = this.#open('-bios', mode === 'file' ? boot.bios.path : null);
      this.#firmware = firmware && findProgram(firmware, RAM_BASE_ADDRESS);
      const kernel = this.#open('-kernel', boot.kernel);
      const kernelStart = RAM_BASE_ADDRESS + (mode === 'none' ? 0 : KERNEL_OFFSET_BYTES);
      this.#kernel = kernel && findProgram(kernel, kernelStart);
      this.#initrd = this.#open('-initrd', boot.initrd);
      this.#initrdStart = this.#placeInitrd();
      this.#tree = this.#buildTree(this.#open('-dtb', boot.dtb));
      this.#fdtStart = this.#placeTree();
      this.#checkPlaces();
      const nextAddress = this.#kernel?.entry ?? 0;
      const start = (mode === 'file' ? this.#firmware?.entry : this.#kernel?.entry) ?? RAM_BASE_ADDRESS;
      this.rom = buildResetRom({ startAddress: start, fdtAddress: this.#fdtStart, nextAddress });
      this.entry = { pc: start, a1: this.#fdtStart, a2: DYNAMIC_INFO_ADDRESS };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Writes everything to RAM. The files are read now, not kept: a reset reads them again. */
  load(ram: Uint8Array): void {
    for (const program of [this.#firmware, this.#kernel]) if (program !== null) loadProgram(program, ram);
    if (this.#initrd !== null) {
      const start = this.#initrdStart - RAM_BASE_ADDRESS;
      readExactly(this.#initrd, ram.subarray(start, start + this.#initrd.sizeBytes), 0);
    }
    ram.set(this.#tree, this.#fdtStart - RAM_BASE_ADDRESS);
  }

  /** The device tree as the guest gets it. */
  get deviceTree(): Uint8Array {
    return this.#tree;
  }

  close(): void {
    for (const file of this.#files.splice(0)) file.close();
  }

  #open(option: string, path: string | null): BootFile | null {
    if (path === null) return null;
    const file = new BootFile(option, path);
    this.#files.push(file);
    return file;
  }

  /** Far enough from a kernel that relocates or unpacks itself, and behind a large one. */
  #placeInitrd(): number {
    if (this.#kernel === null) return RAM_BASE_ADDRESS;
    const distance = Math.min(this.#ramSizeBytes / 2, 512 * MIB);
    const start = Math.max(this.#kernel.entry + distance, this.#kernel.end);
    return Math.ceil(start / 4096) * 4096;
  }

  #buildTree(override: BootFile | null): Uint8Array {
    const start = this.#initrdStart;
    const chosen = {
      bootargs: this.#append,
      initrd: this.#initrd && { start, end: start + this.#initrd.sizeBytes },
      rngSeed: randomSeed(),
    };
    if (override === null) return encodeFdt(buildDeviceTree(this.#ramSizeBytes, chosen));
    if (override.sizeBytes > MAX_FDT_BYTES) throw override.error(`is larger than ${MAX_FDT_BYTES} bytes`);
    try {
      return encodeFdt(withChosen(decodeFdt(override.read(0, override.sizeBytes)), chosen));
    } catch (error) {
      throw override.error((error as Error).message);
    }
  }

  #placeTree(): number {
    const limit = Math.min(RAM_BASE_ADDRESS + this.#ramSizeBytes, FDT_LIMIT_ADDRESS);
    const highest = limit - this.#tree.length;
    return Math.floor(highest / FDT_ALIGNMENT_BYTES) * FDT_ALIGNMENT_BYTES;
  }

  #checkPlaces(): void {
    const blocks: Block[] = [
      ...programBlocks('firmware', this.#firmware),
      ...programBlocks('kernel', this.#kernel),
      { option: '-m', what: 'device tree', start: this.#fdtStart, end: this.#fdtStart + this.#tree.length },
    ];
    if (this.#initrd !== null) {
      const end = this.#initrdStart + this.#initrd.sizeBytes;
      blocks.push({ option: '-initrd', what: 'initrd', start: this.#initrdStart, end });
    }
    const ramEnd = RAM_BASE_ADDRESS + this.#ramSizeBytes;
    for (const { option, what, start, end } of blocks) {
      if (start >= RAM_BASE_ADDRESS && end <= ramEnd) continue;
      const ram = `RAM (${span(RAM_BASE_ADDRESS, ramEnd)})`;
      throw new OptionError(option, `the ${what} (${span(start, end)}) does not fit into ${ram}`);
    }
    blocks.sort((a, b) => a.start - b.start);
    blocks.forEach((block, index) => {
      const next = blocks[index + 1];
      if (next === undefined || block.end <= next.start) return;
      const places = `${block.what} (${span(block.start, block.end)}) and ${next.what} (${span(next.start, next.end)})`;
      throw new OptionError('-m', `RAM is too small: ${places} overlap`);
    });
  }
}

function programBlocks(what: string, program: Program | null): Block[] {
  if (program === null) return [];
  return program.segments.map(({ address, memoryBytes }) => ({
    option: program.file.option,
    what,
    start: address,
    end: address + memoryBytes,
  }));
}

function loadProgram({ file, segments }: Program, ram: Uint8Array): void {
  for (const { address, fileOffset, fileBytes, memoryBytes } of segments) {
    const start = address - RAM_BASE_ADDRESS;
    readExactly(file, ram.subarray(start, start + fileBytes), fileOffset);
    ram.fill(0, start + fileBytes, start + memoryBytes);
  }
}

function readExactly(file: BootFile, target: Uint8Array, offset: number): void {
  if (file.readInto(target, offset) !== target.length)
    throw file.error('was cut short while the machine used it');
}

function span(start: number, end: number): string {
  return `0x${start.toString(16)} to 0x${end.toString(16)}`;
}
