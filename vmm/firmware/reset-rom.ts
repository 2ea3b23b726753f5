/**
 * The ROM a hart starts in (0x1000), laid out as QEMU's: six instructions that load a0 with the hart's id,
 * a1 with the device tree, a2 with the address of OpenSBI's "dynamic information", and jump. The machine
 * sets these registers itself; the ROM is there for guests that look or jump back into it.
 */
import { RESET_ROM } from '../layout.js';

export interface ResetRomSettings {
  readonly startAddress: number;
  readonly fdtAddress: number;
  /** Where firmware shall go next, in S-mode; 0 for nowhere. */
  readonly nextAddress: number;
}

const CODE = [
  0x00000297, // auipc t0, 0
  0x02828613, // addi  a2, t0, 40
  0xf1402573, // csrr  a0, mhartid
  0x0202b583, // ld    a1, 32(t0)
  0x0182b283, // ld    t0, 24(t0)
  0x00028067, // jr    t0
];
const START_AT = 24;
const FDT_AT = 32;
const DYNAMIC_INFO_AT = 40;

export const DYNAMIC_INFO_ADDRESS = RESET_ROM.base + DYNAMIC_INFO_AT;

const DYNAMIC_INFO_MAGIC = 0x4942534fn; // "OSBI"
const DYNAMIC_INFO_VERSION = 2n;
const SUPERVISOR_MODE = 1n;

export function buildResetRom({ startAddress, fdtAddress, nextAddress }: ResetRomSettings): Uint8Array {
  const info = [
    DYNAMIC_INFO_MAGIC,
    DYNAMIC_INFO_VERSION,
    BigInt(nextAddress),
    SUPERVISOR_MODE,
    0n, // options
    0n, // boot hart
  ];
  const rom = Buffer.alloc(DYNAMIC_INFO_AT + 8 * info.length);
  CODE.forEach((word, index) => {
    rom.writeUInt32LE(word, 4 * index);
  });
  rom.writeBigUInt64LE(BigInt(startAddress), START_AT);
  rom.writeBigUInt64LE(BigInt(fdtAddress), FDT_AT);
  info.forEach((value, index) => {
    rom.writeBigUInt64LE(value, DYNAMIC_INFO_AT + 8 * index);
  });
  return rom;
}
