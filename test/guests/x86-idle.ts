/**
 * A guest for x86 that does nothing: a multiboot image (needs SeaBIOS and `-kernel`) whose only processor halts with
 * interrupts off, so a host can run many of it.
 *
 *     .long 0x1BADB002, 0x00010000, -(0x1BADB002+0x00010000)
 *     .long 0x100000, 0x100000, 0, 0, 0x100020
 *     cli
 * halted:
 *     hlt
 *     jmp halted
 */
const CODE = '02b0ad1b00000100fe4f51e40000100000001000000000000000000020001000faf4ebfd';

/** To be written to a file. */
export function x86Idle(): Uint8Array {
  return Buffer.from(CODE, 'hex');
}
