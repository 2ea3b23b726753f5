/**
 * The ticker as a static program for Linux on riscv64: raw system calls, no library. A tick is a return from
 * clock_nanosleep to an absolute time of CLOCK_MONOTONIC, one every millisecond; the gap is the time between two
 * returns. The pattern lies in anonymous memory of its own and is checked and rewritten as in `ticker.ts`; the
 * lines are the same, on standard output. A `p` on standard input sets the max gap back to 0. It never ends by
 * itself, so that it can be a guest's init; when memory is refused it says so and exits with 1.
 */
import { assemble } from '../asm/assemble.js';
import { elf } from '../asm/elf.js';
import type { GuestImage } from './image.js';
import { LINUX_OUTPUT } from './linux-output.js';

const MEBIBYTE = 1024 * 1024;
const LOAD_ADDRESS = 0x10000;

export interface LinuxTickerOptions {
  readonly patternMiB?: number;
}

/** s0-s1 pattern, s2 chunk, s3 pass * PASS_STEP, s4 next line, s5 ticks, s6-s7 next deadline (s, ns), s8 last. */
const SETUP = `
    .equ TICK_NS, 1000000
    .equ SECOND_NS, 1000000000
    .equ TICKS_PER_LINE, 100
    .equ PASS_STEP, 0x9e3779b97f4a7c15
    .equ SYS_READ, 63
    .equ SYS_WRITE, 64
    .equ SYS_PPOLL, 73
    .equ SYS_EXIT, 93
    .equ SYS_CLOCK_GETTIME, 113
    .equ SYS_CLOCK_NANOSLEEP, 115
    .equ SYS_RT_SIGACTION, 134
    .equ SYS_MMAP, 222
    .equ CLOCK_MONOTONIC, 1
    .equ TIMER_ABSTIME, 1
    .equ SIGTTIN, 21
    .equ MAX_GAP, 0
    .equ WINDOW_GAP, 8
    .equ ERRORS, 16
    .equ STDIN_OPEN, 24
    .equ TIME, 32
    .equ LINE, 64

start:
    la gp, state
    li a0, 0
    li a1, PATTERN_BYTES
    li a2, 3                    # readable, writable
    li a3, 0x22                 # private, anonymous
    li a4, -1
    li a5, 0
    li a7, SYS_MMAP
    ecall
    li t0, -4096
    bgtu a0, t0, no_memory
    mv s0, a0
    li t0, PATTERN_BYTES
    add s1, s0, t0
    li a0, SIGTTIN              # in the background a read of the terminal fails instead of stopping us
    la a1, ignore_action
    li a2, 0
    li a3, 8
    li a7, SYS_RT_SIGACTION
    ecall
    li s9, 0
    la a0, text_start
    call put_string
    call flush
    mv t0, s0
1:  sd t0, 0(t0)                # pass 0
    addi t0, t0, 8
    bltu t0, s1, 1b
    mv s2, s0
    li s3, 0
    li s4, TICKS_PER_LINE
    li s5, 0
    call now
    mv s8, a0
    ld s6, TIME(gp)
    ld s7, TIME + 8(gp)
    j main

no_memory:
    li s9, 0
    la a0, text_no_memory
    call put_string
    call flush
    li a0, 1
    li a7, SYS_EXIT
    ecall
`;

const MAIN_LOOP = `
main:
    li t0, TICK_NS
    add s7, s7, t0
    li t0, SECOND_NS
    bltu s7, t0, sleep
    sub s7, s7, t0
    addi s6, s6, 1
sleep:
    sd s6, TIME(gp)
    sd s7, TIME + 8(gp)
    li a0, CLOCK_MONOTONIC
    li a1, TIMER_ABSTIME
    addi a2, gp, TIME
    li a3, 0
    li a7, SYS_CLOCK_NANOSLEEP
    ecall
    bnez a0, sleep              # interrupted by a signal
    call now
    sub t1, a0, s8
    mv s8, a0
    beqz s5, 2f                 # the first tick has no gap
    ld t0, WINDOW_GAP(gp)
    bleu t1, t0, 1f
    sd t1, WINDOW_GAP(gp)
1:  ld t0, MAX_GAP(gp)
    bleu t1, t0, 2f
    sd t1, MAX_GAP(gp)
2:  addi s5, s5, 1
    li t0, SECOND_NS            # a deadline that is a tick or more behind is given up
    mul t0, t0, s6
    add t0, t0, s7
    sub t0, a0, t0
    li t1, TICK_NS
    blt t0, t1, 3f
    ld s6, TIME(gp)
    ld s7, TIME + 8(gp)
3:  call check_chunk
    call poll_input
    bltu s5, s4, main
    addi s4, s4, TICKS_PER_LINE
    call print_line
    j main

now:                            # a0: nanoseconds; TIME: as the kernel gave it
    li a0, CLOCK_MONOTONIC
    addi a1, gp, TIME
    li a7, SYS_CLOCK_GETTIME
    ecall
    ld a0, TIME(gp)
    li t0, SECOND_NS
    mul a0, a0, t0
    ld t0, TIME + 8(gp)
    add a0, a0, t0
    ret

check_chunk:
    add t0, s2, s3              # expected here
    li t1, PASS_STEP
    add t1, t1, t0              # what the next pass will expect
    li t2, CHUNK_BYTES
    add t2, t2, s2
1:  ld t3, 0(s2)
    beq t3, t0, 2f
    ld t4, ERRORS(gp)
    addi t4, t4, 1
    sd t4, ERRORS(gp)
2:  sd t1, 0(s2)
    addi s2, s2, 8
    addi t0, t0, 8
    addi t1, t1, 8
    bltu s2, t2, 1b
    bltu s2, s1, 3f
    mv s2, s0
    li t1, PASS_STEP
    add s3, s3, t1
3:  ret

poll_input:
    ld t0, STDIN_OPEN(gp)
    beqz t0, 2f
    la a0, poll_descriptor
    li a1, 1
    la a2, no_time
    li a3, 0
    li a4, 8
    li a7, SYS_PPOLL
    ecall
    blez a0, 2f
    li a0, 0
    addi a1, gp, LINE
    li a2, 1
    li a7, SYS_READ
    ecall
    bgtz a0, 1f
    sd zero, STDIN_OPEN(gp)     # the end, or not ours to read
    j 2f
1:  lbu t0, LINE(gp)
    li t1, 'p'
    bne t0, t1, poll_input
    sd zero, MAX_GAP(gp)
    j poll_input
2:  ret
`;

/** s9: length of the line so far; s10: return address of `print_line`. */
const OUTPUT = `
print_line:
    mv s10, ra
    li s9, 0
    la a0, text_ticks
    call put_string
    mv a0, s5
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
    ld t0, ERRORS(gp)
    beqz t0, 1f
    la a0, text_bad
1:  call put_string
    mv ra, s10
    tail flush
`;

const DATA = `
text_start:
    .asciz "ticker: start\\n"
text_no_memory:
    .asciz "ticker: no memory for the pattern\\n"
text_ticks:
    .asciz "ticker: ticks="
text_gap:
    .asciz " gap_us="
text_max_gap:
    .asciz " max_gap_us="
text_ok:
    .asciz " pattern=ok\\n"
text_bad:
    .asciz " pattern=BAD\\n"
    .align 3
ignore_action:
    .dword 1, 0, 0, 0           # SIG_IGN
no_time:
    .dword 0, 0
poll_descriptor:
    .word 0
    .half 1, 0                  # standard input, POLLIN
    .align 3
number:
    .zero 24
number_end:
    .byte 0
    .align 3
state:
    .dword 0, 0, 0, 1           # MAX_GAP, WINDOW_GAP, ERRORS, STDIN_OPEN
    .zero 32
    .zero 256                   # LINE
`;

export function linuxTicker({ patternMiB = 16 }: LinuxTickerOptions = {}): GuestImage {
  if (!Number.isInteger(patternMiB) || patternMiB < 1) {
    throw new RangeError(`patternMiB: expected a positive whole number, got ${patternMiB}`);
  }
  const constants = `
    .equ PATTERN_BYTES, ${patternMiB * MEBIBYTE}
    .equ CHUNK_BYTES, 8192`;
  const source = [constants, SETUP, MAIN_LOOP, OUTPUT, LINUX_OUTPUT, DATA].join('\n');
  const { bytes } = assemble(source, { origin: LOAD_ADDRESS });
  const image = elf(bytes, { entry: LOAD_ADDRESS, loadAddress: LOAD_ADDRESS, user: true });
  return { name: 'linux-ticker', format: 'elf', bytes: image };
}
