/**
 * A chatter for x86: prints 1, 2, 3…, a line each, over COM1 as fast as it takes them, and says every byte that it
 * receives in a line of its own, `>x`. A multiboot image; needs SeaBIOS and `-kernel`. It never waits, so it costs
 * a core.
 *
 * The bytes are what GNU as makes of this (Intel syntax, 32 bits, flat, for 1 MiB). ebx: the number.
 *
 * base:
 *   .long 0x1BADB002, 0x00010000, -(0x1BADB002+0x00010000)
 *   .long 0x100000, 0x100000, 0, 0, 0x100020
 * entry:
 *   mov esp, 0x1ff000
 *   mov dx, 0x3fa
 *   mov al, 0xc7
 *   out dx, al
 *   xor ebx, ebx
 * line:
 *   inc ebx
 *   mov eax, ebx
 *   call putn
 *   mov al, 10
 *   call putc
 *   mov dx, 0x3fd
 *   in al, dx
 *   test al, 1
 *   jz line
 *   mov dx, 0x3f8
 *   in al, dx
 *   mov ecx, eax
 *   mov al, 0x3e
 *   call putc
 *   mov eax, ecx
 *   call putc
 *   mov al, 10
 *   call putc
 *   jmp line
 * putn:
 *   xor edx, edx
 *   mov ecx, 10
 *   div ecx
 *   push edx
 *   test eax, eax
 *   jz digit
 *   call putn
 * digit:
 *   pop eax
 *   add al, 0x30
 * putc:
 *   mov ah, al
 *   mov dx, 0x3fd
 * busy:
 *   in al, dx
 *   test al, 0x20
 *   jz busy
 *   mov dx, 0x3f8
 *   mov al, ah
 *   out dx, al
 *   ret
 */
const CODE = [
  '02b0ad1b00000100fe4f51e40000100000001000000000000000000020001000bc00f01f0066bafa03b0c7ee31db4389',
  'd8e82e000000b00ae83d00000066bafd03eca80174e866baf803ec89c1b03ee82600000089c8e81f000000b00ae81800',
  '0000ebca31d2b90a000000f7f15285c07405e8edffffff58043088c466bafd03eca82074fb66baf80388e0eec3',
];

/** To be written to a file. */
export function x86Chatter(): Uint8Array {
  return Buffer.from(CODE.join(''), 'hex');
}
