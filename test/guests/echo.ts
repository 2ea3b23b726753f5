/**
 * Echo: prints `echo: start`, then sends every byte that the UART receives back, driven by the UART's interrupt
 * through the PLIC (source 10, context 1: supervisor of hart 0), waiting in WFI. The byte 0x04 (end of
 * transmission) is not echoed: it powers the machine off through SBI.
 */
import { assemble } from '../asm/assemble.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { DEVICES, trapReport, UART_ROUTINES } from './routines.js';

const PROGRAM = `
    .equ UART_IRQ, 10
    .equ PLIC, 0xc000000
    .equ PLIC_PRIORITY, PLIC + 4 * UART_IRQ
    .equ PLIC_ENABLE, PLIC + 0x2000 + 0x80      # context 1
    .equ PLIC_THRESHOLD, PLIC + 0x200000 + 0x1000
    .equ PLIC_CLAIM, PLIC_THRESHOLD + 4
    .equ END_OF_TRANSMISSION, 4

start:
    csrw sie, zero
    call uart_init
    la t0, trap
    csrw stvec, t0
    li t0, PLIC_PRIORITY
    li t1, 1
    sw t1, 0(t0)
    li t0, PLIC_ENABLE
    li t1, 1 << UART_IRQ
    sw t1, 0(t0)
    li t0, PLIC_THRESHOLD
    sw zero, 0(t0)
    la a0, text_start
    call put_string
    li t0, UART
    li t1, 1                    # received data available
    sb t1, UART_IER(t0)
    li t0, 0x200                # sie.SEIE
    csrw sie, t0
    csrsi sstatus, 2            # sstatus.SIE
wait:
    wfi
    j wait

    .align 2
trap:                           # all registers but s0 are free: nothing else runs
    csrr t0, scause
    li t1, (1 << 63) + 9        # supervisor external interrupt
    bne t0, t1, unexpected_trap
    li s0, PLIC_CLAIM
    lwu s1, 0(s0)
    li t1, UART_IRQ
    bne s1, t1, complete
receive:
    li t0, UART
    lbu t1, UART_LSR(t0)
    andi t1, t1, LSR_DATA_READY
    beqz t1, complete
    lbu a0, 0(t0)
    li t1, END_OF_TRANSMISSION
    beq a0, t1, power_off
    call put_char
    j receive
complete:
    beqz s1, 1f                 # 0: nothing was pending after all
    sw s1, 0(s0)
1:  sret

power_off:
    li a7, SBI_SRST
    li a6, 0
    li a0, 0
    li a1, 0
    ecall
    j .
text_start:
    .asciz "echo: start\\n"
    .align 3
`;

export function echo(): GuestImage {
  const source = [DEVICES, PROGRAM, UART_ROUTINES, trapReport('echo')].join('\n');
  return { name: 'echo', format: 'bin', bytes: assemble(source, { origin: KERNEL_ADDRESS }).bytes };
}
