/**
 * Verified writes as a static program for Linux on riscv64: what `workload disk` of test/guests/linux/workload.cpp does,
 * without a compiler. Numbered blocks go to /mnt/blocks with fdatasync, are read back past the page cache, and files
 * beside them are replaced; until the first byte of /dev/vdb is not 0, which the host may write there. Its lines are
 * `workload disk`'s, and at the end `disk: ended writes=N verified=N ok`. A system call that fails ends it:
 * `disk: failed at=WHERE errno=N`.
 */
import { assemble } from '../asm/assemble.js';
import { elf } from '../asm/elf.js';
import type { GuestImage } from './image.js';
import { LINUX_OUTPUT } from './linux-output.js';

const LOAD_ADDRESS = 0x10000;

/** s0 writes, s1 file, s2 file past the cache, s3 the host's word, s4 verified, s5 time of the last write, s6 next line. */
const SETUP = `
    .equ STEP, 0x9e3779b97f4a7c15
    .equ MAGIC, 0x6b6c626e6f746162
    .equ BLOCK, 4096
    .equ BLOCKS, 512
    .equ SECOND_NS, 1000000000
    .equ LINE_NS, 250000000
    .equ AT_FDCWD, -100
    .equ SYS_OPENAT, 56
    .equ SYS_CLOSE, 57
    .equ SYS_WRITE, 64
    .equ SYS_PREAD, 67
    .equ SYS_PWRITE, 68
    .equ SYS_FSYNC, 82
    .equ SYS_FDATASYNC, 83
    .equ SYS_EXIT, 93
    .equ SYS_NANOSLEEP, 101
    .equ SYS_CLOCK_GETTIME, 113
    .equ SYS_MMAP, 222
    .equ SYS_RENAMEAT2, 276
    .equ MAX_GAP, 0
    .equ WINDOW_GAP, 8
    .equ BAD, 16
    .equ WHERE, 24
    .equ TIME, 32
    .equ LINE, 64

start:
    la gp, state
    li a0, 0
    li a1, 16384
    li a2, 3                    # readable, writable
    li a3, 0x22                 # private, anonymous
    li a4, -1
    li a5, 0
    li a7, SYS_MMAP
    ecall
    mv s8, a0                   # written, expected, found, the host's word: a page each
    la a1, path_blocks
    li a2, 0x42                 # O_RDWR | O_CREAT
    call open
    mv s1, a0
    la a1, path_blocks
    li a2, 0x4000               # O_RDONLY | O_DIRECT
    call open
    mv s2, a0
    la a1, path_word
    li a2, 0x4000
    call open
    mv s3, a0
    li s0, 0
    li s4, 0
    li s5, 0
    call now
    li t0, LINE_NS
    add s6, a0, t0
`;

const MAIN_LOOP = `
main:
    mv a0, s8
    mv a1, s0
    call fill
    mv a0, s1
    mv a1, s8
    li t0, BLOCKS
    remu a3, s0, t0
    slli a3, a3, 12
    li a7, SYS_PWRITE
    call whole_block
    mv a0, s1
    li a7, SYS_FDATASYNC
    call checked
    call now
    beqz s5, 2f                 # the first write has no gap
    sub t1, a0, s5
    ld t0, WINDOW_GAP(gp)
    bleu t1, t0, 1f
    sd t1, WINDOW_GAP(gp)
1:  ld t0, MAX_GAP(gp)
    bleu t1, t0, 2f
    sd t1, MAX_GAP(gp)
2:  mv s5, a0
    addi s0, s0, 1
    andi t0, s0, 15
    bnez t0, 3f
    call replace_file
3:  call verify
    li a7, SYS_PREAD            # has the host had enough?
    mv a0, s3
    li t0, 12288
    add a1, s8, t0
    li a2, 512
    li a3, 0
    call checked
    li t0, 12288
    add t0, t0, s8
    lbu t0, 0(t0)
    bnez t0, ended
    call now
    bltu a0, s6, 4f
    li t0, LINE_NS
    add s6, a0, t0
    la a0, text_writes
    call print_line
4:  la a0, pause
    li a1, 0
    li a7, SYS_NANOSLEEP
    ecall
    j main

ended:
    la a0, text_ended
    call print_line
    li a0, 0
    li a7, SYS_EXIT
    ecall

now:                            # a0: nanoseconds
    li a0, 1                    # CLOCK_MONOTONIC
    addi a1, gp, TIME
    li a7, SYS_CLOCK_GETTIME
    ecall
    ld a0, TIME(gp)
    li t0, SECOND_NS
    mul a0, a0, t0
    ld t0, TIME + 8(gp)
    add a0, a0, t0
    ret

open:                           # a1 path, a2 flags
    li a0, AT_FDCWD
    li a3, 0x1a4                # 0644
    li a7, SYS_OPENAT

checked:                        # any call that must not fail
    ecall
    bltz a0, failed
    ret

whole_block:                    # a0 file, a1 block, a3 offset
    li a2, BLOCK
    ecall
    bltz a0, failed
    li t0, BLOCK
    bne a0, t0, failed
    ret

failed:
    mv s0, a0
    mv s4, ra
    li s9, 0
    la a0, text_failed
    call put_string
    mv a0, s4
    call put_decimal
    la a0, text_errno
    call put_string
    neg a0, s0
    call put_decimal
    la a0, text_end
    call put_string
    call flush
    li a0, 1
    li a7, SYS_EXIT
    ecall

fill:                           # a0 block, a1 number
    li t0, MAGIC
    sd t0, 0(a0)
    sd a1, 8(a0)
    li t1, STEP
    slli t2, a1, 32
    addi t3, a1, 2
    mul t3, t3, t1
    li t4, BLOCK
    add t4, t4, a0
    addi a0, a0, 16
1:  xor t5, t3, t2
    sd t5, 0(a0)
    add t3, t3, t1
    addi a0, a0, 8
    bltu a0, t4, 1b
    ret

verify:                         # one of the blocks that are not overwritten yet, far back and near in turns
    mv s10, ra
    li t0, BLOCKS
    bgeu s0, t0, 1f
    mv t0, s0
1:  li t1, STEP
    mul t1, t1, s0
    remu t1, t1, t0
    addi t2, s0, -1
    sub s7, t2, t1
    li t0, BLOCK
    add a0, s8, t0
    mv a1, s7
    call fill
    mv a0, s2
    li t0, 8192
    add a1, s8, t0
    li t0, BLOCKS
    remu a3, s7, t0
    slli a3, a3, 12
    li a7, SYS_PREAD
    call whole_block
    li t0, BLOCK
    add t0, t0, s8
    li t1, 8192
    add t1, t1, s8
    mv t2, t1
2:  ld t3, 0(t0)
    ld t4, 0(t1)
    bne t3, t4, 3f
    addi t0, t0, 8
    addi t1, t1, 8
    bltu t0, t2, 2b
    addi s4, s4, 1
    jr s10
3:  li t0, 1
    sd t0, BAD(gp)
    jr s10

replace_file:                   # written beside, and put in the place of the old one
    mv s10, ra
    la a1, path_new
    li a2, 0x241                # O_WRONLY | O_CREAT | O_TRUNC
    call open
    mv s7, a0
    mv a1, s8
    li a2, BLOCK
    li a7, SYS_WRITE
    call checked
    mv a0, s7
    li a7, SYS_FSYNC
    call checked
    mv a0, s7
    li a7, SYS_CLOSE
    call checked
    srli t0, s0, 4
    andi t0, t0, 7
    addi t0, t0, '0'
    la t1, path_digit
    sb t0, 0(t1)
    li a0, AT_FDCWD
    la a1, path_new
    li a2, AT_FDCWD
    la a3, path_old
    li a4, 0
    li a7, SYS_RENAMEAT2
    call checked
    jr s10
`;

const OUTPUT = `
print_line:                     # a0: how it begins
    mv s10, ra
    li s9, 0
    call put_string
    mv a0, s0
    call put_decimal
    la a0, text_verified
    call put_string
    mv a0, s4
    call put_decimal
    la a0, text_gap
    call put_string
    ld a0, WINDOW_GAP(gp)
    sd zero, WINDOW_GAP(gp)
    li t0, 1000                 # from ns to us
    divu a0, a0, t0
    call put_decimal
    la a0, text_max_gap
    call put_string
    ld a0, MAX_GAP(gp)
    li t0, 1000
    divu a0, a0, t0
    call put_decimal
    la a0, text_ok
    ld t0, BAD(gp)
    beqz t0, 1f
    la a0, text_bad
1:  call put_string
    mv ra, s10
    tail flush
`;

const data = (periodUs: number) => `
path_blocks:
    .asciz "/mnt/blocks"
path_word:
    .asciz "/dev/vdb"
path_new:
    .asciz "/mnt/blocks.new"
path_old:
    .ascii "/mnt/blocks."
path_digit:
    .asciz "0"
text_writes:
    .asciz "disk: writes="
text_ended:
    .asciz "disk: ended writes="
text_verified:
    .asciz " verified="
text_gap:
    .asciz " gap_us="
text_max_gap:
    .asciz " max_gap_us="
text_ok:
    .asciz " ok\\n"
text_bad:
    .asciz " BAD\\n"
text_failed:
    .asciz "disk: failed at="
text_errno:
    .asciz " errno="
text_end:
    .asciz "\\n"
    .align 3
pause:
    .dword 0, ${periodUs * 1000}
number:
    .zero 24
number_end:
    .byte 0
    .align 3
state:
    .dword 0, 0, 0, 0           # MAX_GAP, WINDOW_GAP, BAD, WHERE
    .zero 32
    .zero 256                   # LINE
`;

export function linuxDisk(periodUs = 1000): GuestImage {
  const source = [SETUP, MAIN_LOOP, OUTPUT, LINUX_OUTPUT, data(periodUs)].join('\n');
  const { bytes } = assemble(source, { origin: LOAD_ADDRESS });
  const image = elf(bytes, { entry: LOAD_ADDRESS, loadAddress: LOAD_ADDRESS, user: true });
  return { name: 'linux-disk', format: 'elf', bytes: image };
}
