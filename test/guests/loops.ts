/**
 * Loops: an integer benchmark. Runs a fixed mix `rounds` times: a CRC-32 bit by bit, a sieve, a copy of 64 KiB,
 * a chase through a shuffled ring of pointers, an 8×8 matrix product, and a recursive Fibonacci; prints
 *
 *     loops: ticks=<time> checksum=<16 hex digits>
 *
 * after a first line `loops: start` and powers off through the syscon. The checksum depends on every result, so a
 * CPU that computes wrongly is seen; it is the same on every machine for the same `rounds`.
 */
import { assemble } from '../asm/assemble.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { DEVICES, UART_ROUTINES } from './routines.js';

export interface LoopsOptions {
  /** One round is about 1.9 million instructions. */
  readonly rounds?: number;
}

const MAIN = `
    .equ DATA, 0x80400000
    .equ SOURCE, DATA
    .equ COPY, DATA + 0x10000
    .equ SIEVE, DATA + 0x20000
    .equ RING, DATA + 0x40000
    .equ STACK_TOP, DATA + 0x100000
    .equ BUFFER_BYTES, 0x10000
    .equ SIEVE_BYTES, 0x8000
    .equ RING_NODES, 4096

start:
    csrw sie, zero
    li sp, STACK_TOP
    call uart_init
    la a0, text_start
    call put_string
    call fill_source
    call fill_ring
    rdtime s10
    li s0, ROUNDS
    li s1, 0                    # s1: checksum
round:
    call crc32
    call mix
    call sieve
    call mix
    call copy
    call mix
    call chase
    call mix
    call matrix
    call mix
    li a0, 17
    call fibonacci
    call mix
    addi s0, s0, -1
    bnez s0, round
    rdtime t0
    sub s10, t0, s10
    la a0, text_ticks
    call put_string
    mv a0, s10
    call put_decimal
    la a0, text_checksum
    call put_string
    mv a0, s1
    call put_hex
    li a0, '\\n'
    call put_char
    li t0, SYSCON
    li t1, 0x5555
    sw t1, 0(t0)
    j .

mix:                            # s1 = (s1 rotated left by 13) * odd + a0
    slli t0, s1, 13
    srli t1, s1, 51
    or s1, t0, t1
    li t0, 0x9e3779b97f4a7c15
    mul s1, s1, t0
    add s1, s1, a0
    ret
`;

const SETUP = `
fill_source:                    # xorshift64
    li t0, SOURCE
    li t1, SOURCE + BUFFER_BYTES
    li t2, 0x123456789abcdef1
1:  slli t3, t2, 13
    xor t2, t2, t3
    srli t3, t2, 7
    xor t2, t2, t3
    slli t3, t2, 17
    xor t2, t2, t3
    sd t2, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    ret

fill_ring:                      # node i points to node (i + 1667) mod 4096: one ring, since 1667 is odd
    li t0, RING
    li t1, 0
    li t2, RING_NODES
    li t3, RING_NODES - 1
1:  addi t4, t1, 1667
    and t4, t4, t3
    slli t4, t4, 4
    add t4, t4, t0
    slli t5, t1, 4
    add t5, t5, t0
    sd t4, 0(t5)
    sd t1, 8(t5)
    addi t1, t1, 1
    bltu t1, t2, 1b
    ret
`;

const KERNELS = `
crc32:                          # of 16 KiB, reflected polynomial
    li t0, SOURCE
    li t1, SOURCE + 0x4000
    li a0, 0xffffffff
    li t2, 0xedb88320
1:  lbu t3, 0(t0)
    xor a0, a0, t3
    li t4, 8
2:  andi t5, a0, 1
    srli a0, a0, 1
    beqz t5, 3f
    xor a0, a0, t2
3:  addi t4, t4, -1
    bnez t4, 2b
    addi t0, t0, 1
    bltu t0, t1, 1b
    ret

sieve:                          # number of primes below 32768
    li t0, SIEVE
    li t1, SIEVE_BYTES
    add t2, t0, t1
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t2, 1b
    li t0, SIEVE
    li t3, 2
    li a0, 0
    li t5, 1
2:  add t4, t0, t3
    lbu t6, 0(t4)
    bnez t6, 4f
    addi a0, a0, 1
    add t4, t4, t3
    bgeu t4, t2, 4f
3:  sb t5, 0(t4)
    add t4, t4, t3
    bltu t4, t2, 3b
4:  addi t3, t3, 1
    bltu t3, t1, 2b
    ret

copy:                           # 64 KiB by dwords, then the sum of the copy by words
    li t0, SOURCE
    li t1, COPY
    li t2, COPY + BUFFER_BYTES
1:  ld t3, 0(t0)
    ld t4, 8(t0)
    sd t3, 0(t1)
    sd t4, 8(t1)
    addi t0, t0, 16
    addi t1, t1, 16
    bltu t1, t2, 1b
    li t1, COPY
    li a0, 0
2:  lw t3, 0(t1)
    addw a0, a0, t3
    addi t1, t1, 4
    bltu t1, t2, 2b
    ret

chase:                          # 64 Ki steps through the ring
    li t0, RING
    li t1, 0x10000
    li a0, 0
1:  ld t2, 8(t0)
    ld t0, 0(t0)
    xor a0, a0, t2
    add a0, a0, t2
    addi t1, t1, -1
    bnez t1, 1b
    ret

matrix:                         # the 64 products of rows and columns of two 8x8 matrices, 32 times over
    li a2, 32
    li a0, 0
1:  li t0, 0                    # row
2:  li t1, 0                    # column
3:  slli t2, t0, 6
    slli t3, t1, 3
    li t4, SOURCE
    add t2, t2, t4
    add t3, t3, t4
    addi t3, t3, 512
    li t4, 8
    li t5, 0
4:  ld t6, 0(t2)
    ld a1, 0(t3)
    mul t6, t6, a1
    add t5, t5, t6
    addi t2, t2, 8
    addi t3, t3, 64
    addi t4, t4, -1
    bnez t4, 4b
    add a0, a0, t5
    li a3, 1000003
    remu a0, a0, a3
    addi t1, t1, 1
    li t6, 8
    bltu t1, t6, 3b
    addi t0, t0, 1
    bltu t0, t6, 2b
    addi a2, a2, -1
    bnez a2, 1b
    ret

fibonacci:                      # recursive, a0 = fib(a0)
    li t0, 2
    bltu a0, t0, 1f
    addi sp, sp, -24
    sd ra, 0(sp)
    sd a0, 8(sp)
    addi a0, a0, -1
    call fibonacci
    sd a0, 16(sp)
    ld a0, 8(sp)
    addi a0, a0, -2
    call fibonacci
    ld t0, 16(sp)
    add a0, a0, t0
    ld ra, 0(sp)
    addi sp, sp, 24
1:  ret

text_start:
    .asciz "loops: start\\n"
text_ticks:
    .asciz "loops: ticks="
text_checksum:
    .asciz " checksum="
    .align 3
`;

export function loops({ rounds = 200 }: LoopsOptions = {}): GuestImage {
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`rounds: expected a positive whole number, got ${rounds}`);
  }
  const source = [DEVICES, `.equ ROUNDS, ${rounds}`, MAIN, SETUP, KERNELS, UART_ROUTINES].join('\n');
  return { name: 'loops', format: 'bin', bytes: assemble(source, { origin: KERNEL_ADDRESS }).bytes };
}
