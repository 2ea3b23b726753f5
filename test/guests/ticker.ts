/**
 * The ticker: a bare S-mode guest that sees how long it did not run, and whether its memory is still its own.
 *
 * A timer interrupt every millisecond counts and measures; the gap is the time between two entries of the handler,
 * by the `time` CSR. In between, the main loop checks one chunk of the pattern, rewrites it for the next pass,
 * looks at the UART, and waits in WFI. A dword of the pattern is its own address plus the number of the pass times
 * an odd constant, so a page that is lost, moved or of a former pass is noticed. Every 100 ticks it prints
 *
 *     ticker: ticks=<n> gap_us=<max in window> max_gap_us=<max since start> pattern=ok|BAD
 *
 * after a first line `ticker: start`. A received `p` sets the max gap back to 0. Status page at 0x80180000:
 * +0 "BATONTIC", +8 ticks, +16 time of the last tick, +24 max gap in 100 ns, +32 passes over the pattern,
 * +40 pattern errors. After a hole the ticks that were missed are left out, not made up.
 */
import { assemble } from '../asm/assemble.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { DEVICES, trapReport, UART_ROUTINES } from './routines.js';

export const STATUS_PAGE = 0x80180000;

const MEBIBYTE = 1024 * 1024;
const PATTERN_ADDRESS = 0x80400000;
const LEAST_CHUNK_BYTES = 8 * 1024;
/** At about 1 ns per dword and pass the check of a chunk must stay well below the millisecond of a tick. */
const MOST_CHUNK_BYTES = 64 * 1024;
const CHUNKS_PER_PASS = 2048;

export interface TickerOptions {
  /** Memory that the pattern covers, from 0x80400000 on; must fit the guest's RAM. */
  readonly patternMiB?: number;
  /** How the next tick is asked for: an SBI call, or the Sstc extension's stimecmp. */
  readonly timer?: 'sbi' | 'stimecmp';
}

/** gp: status page; tp: registers saved by the handler. Neither is used for anything else. */
const START = `
    .equ TICK, 10000            # 1 ms of the 10 MHz timebase
    .equ TICKS_PER_LINE, 100
    .equ TICKS, 8
    .equ LAST_TIME, 16
    .equ MAX_GAP, 24
    .equ PASSES, 32
    .equ ERRORS, 40
    .equ WINDOW_GAP, 64
    .equ NEXT_DEADLINE, 72
    .equ SAVED, 128
    .equ PASS_STEP, 0x9e3779b97f4a7c15

start:
    csrw sie, zero
    li gp, STATUS_PAGE
    addi tp, gp, SAVED
    mv t0, gp
    li t1, 64
1:  sd zero, 0(t0)              # the status page begins empty
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    call uart_init
    la a0, text_start
    call put_string

    li s0, PATTERN
    li s1, PATTERN_END
    mv t0, s0
2:  sd t0, 0(t0)                # pass 0
    addi t0, t0, 8
    bltu t0, s1, 2b

    la t0, magic
    ld t0, 0(t0)
    sd t0, 0(gp)
    la t0, trap
    csrw stvec, t0
    rdtime t0
    li t1, TICK
    add t0, t0, t1
    sd t0, NEXT_DEADLINE(gp)
    mv a0, t0
    call set_timer
    li t0, 0x20                 # sie.STIE
    csrw sie, t0
    csrsi sstatus, 2            # sstatus.SIE
`;

const MAIN_LOOP = `
    mv s2, s0                   # s2: next chunk
    li s3, 0                    # s3: number of the pass times PASS_STEP
    li s4, TICKS_PER_LINE       # s4: ticks at the next line
    li s5, 0                    # s5: ticks when the last chunk was checked
main:
    csrci sstatus, 2
    ld t0, TICKS(gp)
    bne t0, s5, 1f
    wfi                         # wakes with the interrupt pending, which is taken below
1:  csrsi sstatus, 2
    ld t0, TICKS(gp)
    beq t0, s5, main
    mv s5, t0
    call check_chunk
    call poll_uart
    bltu s5, s4, main
    addi s4, s4, TICKS_PER_LINE
    call print_line
    j main

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
    ld t0, PASSES(gp)
    addi t0, t0, 1
    sd t0, PASSES(gp)
3:  ret

poll_uart:
    li t0, UART
    lbu t1, UART_LSR(t0)
    andi t1, t1, LSR_DATA_READY
    beqz t1, 1f
    lbu t1, 0(t0)
    li t2, 'p'
    bne t1, t2, poll_uart
    sd zero, MAX_GAP(gp)
    j poll_uart
1:  ret

print_line:
    mv s6, ra
    csrci sstatus, 2            # the numbers of a line belong together
    ld s7, TICKS(gp)
    ld s8, WINDOW_GAP(gp)
    ld s9, MAX_GAP(gp)
    sd zero, WINDOW_GAP(gp)
    csrsi sstatus, 2
    la a0, text_ticks
    call put_string
    mv a0, s7
    call put_decimal
    la a0, text_gap
    call put_string
    li t0, 10                   # from 100 ns to us
    divu a0, s8, t0
    call put_decimal
    la a0, text_max_gap
    call put_string
    li t0, 10
    divu a0, s9, t0
    call put_decimal
    la a0, text_ok
    ld t0, ERRORS(gp)
    beqz t0, 1f
    la a0, text_bad
1:  call put_string
    jr s6
`;

const TICK_HANDLER = `
    .align 2
trap:
    sd a0, 0(tp)
    rdtime a0
    sd a1, 8(tp)
    sd a6, 16(tp)
    sd a7, 24(tp)
    sd t0, 32(tp)
    sd t1, 40(tp)
    sd ra, 48(tp)
    csrr t0, scause
    li t1, (1 << 63) + 5        # supervisor timer interrupt
    bne t0, t1, unexpected_trap
    ld t0, TICKS(gp)
    addi t1, t0, 1
    sd t1, TICKS(gp)
    ld t1, LAST_TIME(gp)
    sd a0, LAST_TIME(gp)
    beqz t0, 2f                 # the first tick has no gap
    sub t1, a0, t1
    ld t0, WINDOW_GAP(gp)
    bleu t1, t0, 1f
    sd t1, WINDOW_GAP(gp)
1:  ld t0, MAX_GAP(gp)
    bleu t1, t0, 2f
    sd t1, MAX_GAP(gp)
2:  li t1, TICK
    ld t0, NEXT_DEADLINE(gp)
    add t0, t0, t1
    bgtu t0, a0, 3f
    add t0, a0, t1              # late by a whole tick or more: go on from now
3:  sd t0, NEXT_DEADLINE(gp)
    mv a0, t0
    call set_timer
    ld a0, 0(tp)
    ld a1, 8(tp)
    ld a6, 16(tp)
    ld a7, 24(tp)
    ld t0, 32(tp)
    ld t1, 40(tp)
    ld ra, 48(tp)
    sret
`;

const TEXTS = `
magic:
    .ascii "BATONTIC"
text_start:
    .asciz "ticker: start\\n"
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
`;

const SET_TIMER = {
  sbi: 'set_timer: li a7, SBI_TIME; li a6, 0; ecall; ret',
  stimecmp: 'set_timer: csrw stimecmp, a0; ret',
} as const;

function chunkBytes(patternBytes: number): number {
  return Math.min(MOST_CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, patternBytes / CHUNKS_PER_PASS));
}

export function ticker({ patternMiB = 16, timer = 'sbi' }: TickerOptions = {}): GuestImage {
  if (!Number.isInteger(patternMiB) || patternMiB < 1) {
    throw new RangeError(`patternMiB: expected a positive whole number, got ${patternMiB}`);
  }
  const patternBytes = patternMiB * MEBIBYTE;
  const source = [
    DEVICES,
    `.equ STATUS_PAGE, ${STATUS_PAGE}`,
    `.equ PATTERN, ${PATTERN_ADDRESS}`,
    `.equ PATTERN_END, PATTERN + ${patternBytes}`,
    `.equ CHUNK_BYTES, ${2 ** Math.floor(Math.log2(chunkBytes(patternBytes)))}`,
    START,
    MAIN_LOOP,
    TICK_HANDLER,
    SET_TIMER[timer],
    UART_ROUTINES,
    trapReport('ticker'),
    TEXTS,
  ].join('\n');
  return { name: 'ticker', format: 'bin', bytes: assemble(source, { origin: KERNEL_ADDRESS }).bytes };
}
