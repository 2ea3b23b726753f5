/** Wraps one loadable piece of RV64 code and data into a static ELF executable. */
export interface ElfOptions {
  readonly entry: number | bigint;
  readonly loadAddress: number | bigint;
  /** For Linux (`true`): the stack is not executable. For bare metal: physical address = virtual address. */
  readonly user: boolean;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PAGE_BYTES = 4096;
const EM_RISCV = 243;
const FLAGS_RVC_DOUBLE_FLOAT_ABI = 0x5;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const READ_WRITE = 6;
const READ_WRITE_EXECUTE = 7;

function writeHeader(view: DataView, entry: bigint, programHeaders: number): void {
  [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].forEach((byte, index) => {
    view.setUint8(index, byte);
  });
  view.setUint16(16, 2, true);
  view.setUint16(18, EM_RISCV, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint32(48, FLAGS_RVC_DOUBLE_FLOAT_ABI, true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, programHeaders, true);
}

export function elf(bytes: Uint8Array, { entry, loadAddress, user }: ElfOptions): Uint8Array {
  const address = BigInt(loadAddress);
  // The loader maps whole pages, so the place in the file must equal the address modulo the page size.
  const fileOffset = PAGE_BYTES + Number(address % BigInt(PAGE_BYTES));
  const file = new Uint8Array(fileOffset + bytes.length);
  const view = new DataView(file.buffer);
  writeHeader(view, BigInt(entry), user ? 2 : 1);
  const load = HEADER_BYTES;
  view.setUint32(load, PT_LOAD, true);
  view.setUint32(load + 4, READ_WRITE_EXECUTE, true);
  view.setBigUint64(load + 8, BigInt(fileOffset), true);
  view.setBigUint64(load + 16, address, true);
  view.setBigUint64(load + 24, address, true);
  view.setBigUint64(load + 32, BigInt(bytes.length), true);
  view.setBigUint64(load + 40, BigInt(bytes.length), true);
  view.setBigUint64(load + 48, BigInt(PAGE_BYTES), true);
  if (user) {
    const stack = load + PROGRAM_HEADER_BYTES;
    view.setUint32(stack, PT_GNU_STACK, true);
    view.setUint32(stack + 4, READ_WRITE, true);
  }
  file.set(bytes, fileOffset);
  return file;
}
