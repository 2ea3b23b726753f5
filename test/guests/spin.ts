/**
 * Spin: prints `spin: start` and then runs a tight loop of integer instructions for ever, with no interrupt
 * enabled: the guest that must not delay its VMM's monitor.
 */
import { assemble } from '../asm/assemble.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { DEVICES, UART_ROUTINES } from './routines.js';

const PROGRAM = `
start:
    csrw sie, zero
    call uart_init
    la a0, text_start
    call put_string
    li t0, 0
spin:
    addi t0, t0, 1
    xor t1, t1, t0
    j spin
text_start:
    .asciz "spin: start\\n"
    .align 3
`;

export function spin(): GuestImage {
  const source = [DEVICES, PROGRAM, UART_ROUTINES].join('\n');
  return { name: 'spin', format: 'bin', bytes: assemble(source, { origin: KERNEL_ADDRESS }).bytes };
}
