/**
 * Chatter: prints 1, 2, 3…, a line each, as fast as the UART takes them, and says every byte that it receives in a
 * line of its own, `>x`. It never waits and has no interrupts, so it costs a core. The byte 0x04 makes it deaf: it
 * prints on and reads no more, until the machine is reset.
 */
import { assemble } from '../asm/assemble.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { DEVICES, UART_ROUTINES } from './routines.js';

const PROGRAM = `
    .equ END_OF_TRANSMISSION, 4

start:
    csrw sie, zero
    call uart_init
    mv s0, zero
    mv s2, zero                 # 1: deaf
line:
    addi s0, s0, 1
    mv a0, s0
    call put_decimal
    li a0, '\\n'
    call put_char
    bnez s2, line
    li t0, UART
    lbu t1, UART_LSR(t0)
    andi t1, t1, LSR_DATA_READY
    beqz t1, line
    lbu s1, 0(t0)
    li t1, END_OF_TRANSMISSION
    beq s1, t1, deaf
    li a0, '>'
    call put_char
    mv a0, s1
    call put_char
    li a0, '\\n'
    call put_char
    j line
deaf:
    li s2, 1
    j line
`;

export function chatter(): GuestImage {
  const source = [DEVICES, PROGRAM, UART_ROUTINES].join('\n');
  return { name: 'chatter', format: 'bin', bytes: assemble(source, { origin: KERNEL_ADDRESS }).bytes };
}
