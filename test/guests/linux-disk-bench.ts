/**
 * Times of a disk as a static program for Linux on riscv64: /dev/vda past the guest's page cache, by Linux's own
 * asynchronous calls so that several requests are under way. A line for each test, `bench: NAME ops=N ns=N`, and
 * `bench: end`. What fails ends it: `bench: failed errno=N`.
 */
import { assemble } from '../asm/assemble.js';
import { elf } from '../asm/elf.js';
import type { GuestImage } from './image.js';
import { LINUX_OUTPUT } from './linux-output.js';

const LOAD_ADDRESS = 0x10000;
const KIB = 1024;

export interface DiskTest {
  readonly name: string;
  readonly operation: 'read' | 'write';
  readonly sizeBytes: number;
  readonly isRandom: boolean;
  /** Requests under way. */
  readonly depth: number;
  readonly count: number;
  /** Every write is made durable. */
  readonly durable: boolean;
}

const test = (name: string, options: Partial<DiskTest>): DiskTest => ({
  ...{ name, operation: 'read', sizeBytes: 4 * KIB, isRandom: true, depth: 1, count: 1000, durable: false },
  ...options,
});

const SEQUENTIAL = { sizeBytes: 128 * KIB, isRandom: false, count: 800 } as const;

/** Each is done once before it counts, the whole of them in a few seconds. */
export const DISK_TESTS: readonly DiskTest[] = [
  test('read-128k', { ...SEQUENTIAL }),
  test('write-128k', { ...SEQUENTIAL, operation: 'write' }),
  test('read-4k', {}),
  test('read-4k-deep', { depth: 16, count: 4000 }),
  test('write-4k', { operation: 'write' }),
  test('write-4k-deep', { operation: 'write', depth: 16, count: 4000 }),
  test('write-4k-durable', { operation: 'write', durable: true, count: 300 }),
];

/** s0 test, s1 disk, s2 buffers, s3 begun, s4 ended, s5 random, s6 context, s7 start, s8 position. */
const PROGRAM = `
    .equ DISK_BYTES, 67108864
    .equ SECOND_NS, 1000000000
    .equ AT_FDCWD, -100
    .equ SYS_IO_SETUP, 0
    .equ SYS_IO_SUBMIT, 2
    .equ SYS_IO_GETEVENTS, 4
    .equ SYS_OPENAT, 56
    .equ SYS_WRITE, 64
    .equ SYS_FDATASYNC, 83
    .equ SYS_EXIT, 93
    .equ SYS_CLOCK_GETTIME, 113
    .equ SYS_MMAP, 222
    .equ NAME, 0
    .equ OPCODE, 8
    .equ SIZE, 16
    .equ RANDOM, 24
    .equ DEPTH, 32
    .equ COUNT, 40
    .equ DURABLE, 48
    .equ TEST_BYTES, 56
    .equ CONTEXT, 0
    .equ EVENT, 8
    .equ TIME, 40
    .equ LINE, 64

start:
    la gp, state
    li a0, 0
    li a1, 2097152
    li a2, 3
    li a3, 0x8022               # private, anonymous, there at once
    li a4, -1
    li a5, 0
    li a7, SYS_MMAP
    call checked
    mv s2, a0
    li a0, AT_FDCWD
    la a1, path
    li a2, 0x4002               # O_RDWR | O_DIRECT
    li a3, 0
    li a7, SYS_OPENAT
    call checked
    mv s1, a0
    li a0, 16
    addi a1, gp, CONTEXT
    li a7, SYS_IO_SETUP
    call checked
    ld s6, CONTEXT(gp)
    li s5, 1
    la s0, tests
next_test:
    ld t0, NAME(s0)
    beqz t0, finished
    call run                    # once so that all is warm
    call run
    call print_result
    addi s0, s0, TEST_BYTES
    j next_test

finished:
    li s9, 0
    la a0, text_finished
    call put_string
    call flush
    li a0, 0
    li a7, SYS_EXIT
    ecall

run:
    addi sp, sp, -16
    sd ra, 0(sp)
    li s3, 0
    li s4, 0
    li s8, 0
    call now
    mv s7, a0
1:  ld t0, DEPTH(s0)
    bgeu s3, t0, 2f
    mv a0, s3                   # each slot once
    call submit
    j 1b
2:  mv a0, s6
    li a1, 1
    li a2, 1
    addi a3, gp, EVENT
    li a4, 0
    li a7, SYS_IO_GETEVENTS
    call checked
    ld a0, EVENT + 16(gp)
    bltz a0, failed
    addi s4, s4, 1
    ld t0, DURABLE(s0)
    beqz t0, 3f
    mv a0, s1
    li a7, SYS_FDATASYNC
    call checked
3:  ld t0, COUNT(s0)
    bgeu s4, t0, 4f
    bgeu s3, t0, 2b
    ld a0, EVENT(gp)
    call submit
    j 2b
4:  call now
    sub s7, a0, s7
    ld ra, 0(sp)
    addi sp, sp, 16
    ret

submit:                         # a0: the slot
    addi s3, s3, 1
    slli t0, a0, 6
    la t1, blocks
    add t1, t1, t0
    sd a0, 0(t1)
    ld t2, OPCODE(s0)
    sh t2, 16(t1)
    sw s1, 20(t1)
    ld t3, SIZE(s0)
    sd t3, 32(t1)
    mul t4, t3, a0
    add t4, t4, s2
    sd t4, 24(t1)
    ld t5, RANDOM(s0)
    beqz t5, 1f
    li t5, 6364136223846793005
    mul s5, s5, t5
    li t5, 1442695040888963407
    add s5, s5, t5
    srli t5, s5, 33
    li t6, DISK_BYTES
    divu t6, t6, t3
    remu t5, t5, t6
    mul t5, t5, t3
    j 2f
1:  mv t5, s8
    add s8, s8, t3
    li t6, DISK_BYTES
    bltu s8, t6, 2f
    li s8, 0
2:  sd t5, 40(t1)
    la a2, block_pointer
    sd t1, 0(a2)
    mv a0, s6
    li a1, 1
    li a7, SYS_IO_SUBMIT

checked:
    ecall
    bltz a0, failed
    ret

failed:
    neg s7, a0
    li s9, 0
    la a0, text_failed
    call put_string
    mv a0, s7
    call put_decimal
    la a0, text_end
    call put_string
    call flush
    li a0, 1
    li a7, SYS_EXIT
    ecall

now:
    li a0, 1
    addi a1, gp, TIME
    li a7, SYS_CLOCK_GETTIME
    ecall
    ld a0, TIME(gp)
    li t0, SECOND_NS
    mul a0, a0, t0
    ld t0, TIME + 8(gp)
    add a0, a0, t0
    ret

print_result:
    mv s10, ra
    li s9, 0
    la a0, text_bench
    call put_string
    ld a0, NAME(s0)
    call put_string
    la a0, text_ops
    call put_string
    ld a0, COUNT(s0)
    call put_decimal
    la a0, text_ns
    call put_string
    mv a0, s7
    call put_decimal
    la a0, text_end
    call put_string
    mv ra, s10
    tail flush
`;

function data(tests: readonly DiskTest[]): string {
  const rows = tests.map(
    ({ operation, sizeBytes, isRandom, depth, count, durable }, index) =>
      `    .dword name${index}, ${operation === 'write' ? 1 : 0}, ${sizeBytes}, ${Number(isRandom)}, ` +
      `${depth}, ${count}, ${Number(durable)}`,
  );
  const names = tests.map(({ name }, index) => `name${index}:\n    .asciz "${name}"`);
  return `
    .align 12                   # code and what is written share no page, as in any program
path:
    .asciz "/dev/vda"
text_bench:
    .asciz "bench: "
text_ops:
    .asciz " ops="
text_ns:
    .asciz " ns="
text_finished:
    .asciz "bench: end\\n"
text_failed:
    .asciz "bench: failed errno="
text_end:
    .asciz "\\n"
${names.join('\n')}
    .align 3
tests:
${rows.join('\n')}
    .dword 0
block_pointer:
    .dword 0
number:
    .zero 24
number_end:
    .byte 0
    .align 6
blocks:
    .zero 1024
state:
    .zero 64
    .zero 256                   # LINE
`;
}

export function linuxDiskBench(tests: readonly DiskTest[] = DISK_TESTS): GuestImage {
  const source = [PROGRAM, LINUX_OUTPUT, data(tests)].join('\n');
  const { bytes } = assemble(source, { origin: LOAD_ADDRESS });
  const image = elf(bytes, { entry: LOAD_ADDRESS, loadAddress: LOAD_ADDRESS, user: true });
  return { name: 'linux-disk-bench', format: 'elf', bytes: image };
}
