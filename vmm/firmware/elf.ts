/** ELF executables for 64-bit little-endian RISC-V: where their segments go and where they start. */

export interface ElfSegment {
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly address: number;
  readonly memoryBytes: number;
}

export interface ElfImage {
  /** It runs wherever it is put (and relocates itself): addresses are relative. */
  readonly isPositionIndependent: boolean;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MAX_PROGRAM_HEADERS = 64;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const TYPE_EXECUTABLE = 2;
const TYPE_DYNAMIC = 3;
const MACHINE_RISCV = 243;
const SEGMENT_LOAD = 1;

export function isElf(header: Uint8Array): boolean {
  return Buffer.from(header.subarray(0, 4)).toString('latin1') === '\x7fELF';
}

/** `read` returns bytes of the file, fewer at its end. A file that is no such program is described in words. */
export function parseElf(
  read: (offset: number, length: number) => Buffer,
): ElfImage | { readonly wrong: string } {
  const header = read(0, ELF_HEADER_BYTES);
  if (header.length < ELF_HEADER_BYTES) return { wrong: 'the ELF header is cut off' };
  if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN)
    return { wrong: 'it is not 64-bit little-endian' };
  const machine = header.readUInt16LE(18);
  if (machine !== MACHINE_RISCV)
    return { wrong: `it is for ELF machine ${machine}, RISC-V is ${MACHINE_RISCV}` };
  const type = header.readUInt16LE(16);
  if (type !== TYPE_EXECUTABLE && type !== TYPE_DYNAMIC) return { wrong: 'it is not an executable' };
  const count = header.readUInt16LE(56);
  if (count > MAX_PROGRAM_HEADERS || header.readUInt16LE(54) !== PROGRAM_HEADER_BYTES) {
    return { wrong: 'its program headers are not as they should be' };
  }
  const table = read(Number(header.readBigUInt64LE(32)), count * PROGRAM_HEADER_BYTES);
  if (table.length < count * PROGRAM_HEADER_BYTES) return { wrong: 'the program headers are cut off' };
  const segments = Array.from({ length: count }, (_, index) => index * PROGRAM_HEADER_BYTES)
    .filter((at) => table.readUInt32LE(at) === SEGMENT_LOAD)
    .map((at) => segment(table, at))
    .filter(({ memoryBytes }) => memoryBytes > 0);
  if (segments.length === 0) return { wrong: 'it has nothing to load' };
  if (segments.some(({ fileBytes, memoryBytes }) => fileBytes > memoryBytes)) {
    return { wrong: 'a segment is larger in the file than in memory' };
  }
  const entry = Number(header.readBigUInt64LE(24));
  return { isPositionIndependent: type === TYPE_DYNAMIC, entry, segments };
}

function segment(table: Buffer, at: number): ElfSegment {
  return {
    fileOffset: Number(table.readBigUInt64LE(at + 8)),
    address: Number(table.readBigUInt64LE(at + 24)),
    fileBytes: Number(table.readBigUInt64LE(at + 32)),
    memoryBytes: Number(table.readBigUInt64LE(at + 40)),
  };
}
