/**
 * The x86 ticker as a disk that a PC boots from: a boot sector that loads what follows it, 4 KiB, and jumps into it in
 * 32 bits. The bytes are what GNU as makes of this (Intel syntax, flat, for 0x7c00).
 *
 * .code16
 *     cli
 *     xor ax, ax
 *     mov ds, ax
 *     mov ss, ax
 *     mov sp, 0x7c00
 *     mov si, offset packet
 *     mov ah, 0x42
 *     int 0x13
 *     jc halt
 *     lgdt [gdtr]
 *     mov eax, cr0
 *     or al, 1
 *     mov cr0, eax
 *     jmp 8:wide
 * halt:
 *     hlt
 *     jmp halt
 * .code32
 * wide:
 *     mov ax, 16
 *     mov ds, ax
 *     mov es, ax
 *     mov ss, ax
 *     mov esi, 0x8000
 *     mov edi, 0x100000
 *     mov ecx, 1024
 *     rep movsd
 *     mov eax, 0x100020
 *     jmp eax
 * packet: .byte 16, 0
 *     .word 8, 0x8000, 0
 *     .quad 1
 * gdt: .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
 * gdtr: .word 23
 *     .long gdt
 */
import { x86Ticker } from './x86-ticker.js';

const CODE = [
  'fa31c08ed88ed0bc007cbe4a7cb442cd1372120f0116727c0f20c00c010f22c0ea287c0800f4ebfd66b810008ed88ec0',
  '8ed0be00800000bf00001000b900040000f3a5b820001000ffe010000800008000000100000000000000000000000000',
  '0000ffff0000009acf00ffff00000092cf0017005a7c0000',
];
const SECTOR_BYTES = 512;
const DISK_BYTES = 1024 * 1024;

/** To be written to a file. */
export function x86Disk(): Uint8Array {
  const disk = Buffer.alloc(DISK_BYTES);
  disk.write(CODE.join(''), 'hex');
  disk.writeUInt16LE(0xaa55, SECTOR_BYTES - 2);
  disk.set(x86Ticker(), SECTOR_BYTES);
  return disk;
}
