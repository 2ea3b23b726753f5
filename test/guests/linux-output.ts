/**
 * Lines on standard output, for programs of riscv64 Linux in assembly. The program has its state at gp, with a line of
 * 256 bytes at LINE(gp); s9 is the length of the line so far, s11 is used by `flush`; `number_end` is behind 24 bytes.
 */
export const LINUX_OUTPUT = `
put_string:
    addi t0, gp, LINE
    add t0, t0, s9
1:  lbu t1, 0(a0)
    beqz t1, 2f
    sb t1, 0(t0)
    addi t0, t0, 1
    addi s9, s9, 1
    addi a0, a0, 1
    j 1b
2:  ret

put_decimal:
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

flush:                          # s9 bytes of the line, however many writes it takes
    addi s11, gp, LINE
1:  li a0, 1
    mv a1, s11
    mv a2, s9
    li a7, SYS_WRITE
    ecall
    blez a0, 2f
    add s11, s11, a0
    sub s9, s9, a0
    bnez s9, 1b
2:  ret
`;
