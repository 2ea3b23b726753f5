/**
 * Assembly that several bare guests share: the polled NS16550, decimal numbers, SBI calls, power off. Calling
 * convention: arguments in a0, routines clobber a0-a1, a6-a7 and t0-t5 and need no stack.
 */
export const DEVICES = `
    .equ SYSCON, 0x100000
    .equ UART, 0x10000000
    .equ UART_IER, 1
    .equ UART_FCR, 2
    .equ UART_LCR, 3
    .equ UART_MCR, 4
    .equ UART_LSR, 5
    .equ LSR_DATA_READY, 1
    .equ LSR_THR_EMPTY, 0x20
    .equ SBI_TIME, 0x54494d45
    .equ SBI_SRST, 0x53525354
`;

export const UART_ROUTINES = `
uart_init:                      # 8 bits, no parity, FIFOs on and empty, no interrupts
    li t0, UART
    sb zero, UART_IER(t0)
    li t1, 3
    sb t1, UART_LCR(t0)
    li t1, 7
    sb t1, UART_FCR(t0)
    li t1, 3
    sb t1, UART_MCR(t0)
    ret

put_char:                       # a0: the byte; keeps all but t0, t1
    li t0, UART
1:  lbu t1, UART_LSR(t0)
    andi t1, t1, LSR_THR_EMPTY
    beqz t1, 1b
    sb a0, 0(t0)
    ret

put_string:                     # a0: address of a string that ends with 0
    mv t2, a0
    mv t3, ra
1:  lbu a0, 0(t2)
    beqz a0, 2f
    call put_char
    addi t2, t2, 1
    j 1b
2:  jr t3

put_decimal:                    # a0: unsigned number
    la t2, number_end
    li t4, 10
1:  remu t5, a0, t4
    divu a0, a0, t4
    addi t5, t5, '0'
    addi t2, t2, -1
    sb t5, 0(t2)
    bnez a0, 1b
    mv a0, t2
    tail put_string

put_hex:                        # a0: number, printed with 16 digits
    mv t2, a0
    mv t3, ra
    li t4, 60
1:  srl a0, t2, t4
    andi a0, a0, 15
    li t5, 10
    addi a0, a0, '0'
    addi t0, a0, -'0'
    bltu t0, t5, 2f
    addi a0, a0, 'a' - '0' - 10
2:  call put_char
    addi t4, t4, -4
    bgez t4, 1b
    jr t3

number:
    .zero 24
number_end:
    .byte 0
    .align 3
`;

/** Prints where an unexpected trap came from, then powers off with a failure. `name` begins the line. */
export function trapReport(name: string): string {
  return `
unexpected_trap:
    la a0, trap_text
    call put_string
    csrr a0, scause
    call put_hex
    la a0, trap_sepc
    call put_string
    csrr a0, sepc
    call put_hex
    la a0, trap_stval
    call put_string
    csrr a0, stval
    call put_hex
    li a0, '\\n'
    call put_char
    li t0, SYSCON
    li t1, 0x13333              # exit code 1
    sw t1, 0(t0)
    j .
trap_text:
    .asciz "${name}: trap scause="
trap_sepc:
    .asciz " sepc="
trap_stval:
    .asciz " stval="
    .align 3
`;
}
