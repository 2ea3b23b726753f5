/**
 * Kernels and firmware: what kind of file it is and where its parts go in RAM. Linux Images, ELF and raw
 * binaries are taken; what can be seen to be none (text, compressed, another architecture) is refused.
 */
import type { BootFile } from './boot-file.js';
import type { ElfSegment } from './elf.js';
import { isElf, parseElf } from './elf.js';

export interface Program {
  readonly file: BootFile;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  /** First address behind everything the program occupies, zero-filled parts included. */
  readonly end: number;
}

const PROBE_BYTES = 4096;
const IMAGE_MAGIC_AT = 0x38;
const IMAGE_MAGIC = 'RSC\x05';
const IMAGE_SIZE_AT = 16;

const FOREIGN: readonly (readonly [magic: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], 'it is compressed with gzip, give the uncompressed Image'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'it is compressed with xz, give the uncompressed Image'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'it is compressed with zstd, give the uncompressed Image'],
  [[0x4d, 0x5a], 'it is an EFI program, but no uncompressed RISC-V Linux Image'],
  [[0x27, 0x05, 0x19, 0x56], 'it is a U-Boot image, give the Image inside'],
  [[0xd0, 0x0d, 0xfe, 0xed], 'it is a device tree'],
  [[0x30, 0x37, 0x30, 0x37], 'it is a cpio archive, an initrd perhaps'],
  [[0, 0], 'it starts with zeros, which is no instruction'],
];

/** `address` is where an Image, a raw binary or a position-independent ELF file goes; other ELF says itself. */
export function findProgram(file: BootFile, address: number): Program {
  const probe = file.read(0, PROBE_BYTES);
  if (isElf(probe)) return elfProgram(file, address);
  let memoryBytes = file.sizeBytes;
  if (probe.toString('latin1', IMAGE_MAGIC_AT, IMAGE_MAGIC_AT + 4) === IMAGE_MAGIC) {
    memoryBytes = Math.max(memoryBytes, Number(probe.readBigUInt64LE(IMAGE_SIZE_AT)));
  } else {
    refuseForeign(file, probe);
  }
  const segment = { fileOffset: 0, fileBytes: file.sizeBytes, address, memoryBytes };
  return { file, entry: address, segments: [segment], end: address + memoryBytes };
}

function elfProgram(file: BootFile, loadAddress: number): Program {
  const elf = parseElf((offset, length) => file.read(offset, length));
  if ('wrong' in elf) throw file.error(`is no RISC-V program: ${elf.wrong}`);
  const cut = elf.segments.find(({ fileOffset, fileBytes }) => fileOffset + fileBytes > file.sizeBytes);
  if (cut !== undefined) throw file.error('is cut off: a segment ends behind the end of the file');
  const bias = elf.isPositionIndependent ? loadAddress : 0;
  const segments = elf.segments.map((segment) => ({ ...segment, address: segment.address + bias }));
  const end = Math.max(...segments.map(({ address, memoryBytes }) => address + memoryBytes));
  return { file, entry: elf.entry + bias, segments, end };
}

function refuseForeign(file: BootFile, probe: Buffer): void {
  const foreign = FOREIGN.find(([magic]) => magic.every((byte, at) => probe[at] === byte));
  if (foreign !== undefined) throw file.error(`is no kernel or firmware: ${foreign[1]}`);
  if (file.sizeBytes < 2) throw file.error('is no kernel or firmware: it is too short for an instruction');
  if (isText(probe)) throw file.error('is no kernel or firmware: it is text');
}

function isText(probe: Buffer): boolean {
  return (
    probe.every((byte) => (byte >= 0x20 && byte !== 0x7f) || (byte >= 0x09 && byte <= 0x0d)) && isUtf8(probe)
  );
}

function isUtf8(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  // The probe may end inside a character.
  return !text.slice(0, -1).includes('\ufffd');
}
