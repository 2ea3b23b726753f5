/**
 * Test programs: an assembly body between a fixed beginning and end, the same for our core and for QEMU.
 *
 * The body starts in M-mode at `body`, with all traps going to `unexpected_trap`, and ends by falling through or
 * jumping to `exit`, in M-mode. What it wants to show it records: `record('a0')` appends a register to the list
 * that the run returns. s11 is the end of that list and belongs to the frame; s10 is where `record_trap` resumes.
 */
import { assemble } from '../../asm/assemble.js';

export const PROGRAM_ADDRESS = 0x80000000;
/** Records and the report of an unexpected trap; a body is at most this far behind its beginning. */
export const TRAP_REPORT_ADDRESS = 0x800ff000;
export const RECORDS_ADDRESS = 0x80100000;
/** Memory that no part of the frame uses. */
export const FREE_ADDRESS = 0x80200000;
export const RAM_BYTES = 8 * 1024 * 1024;

/** Appends the registers to the list of records. */
export function record(...registers: string[]): string {
  return registers.map((name) => `sd ${name}, 0(s11); addi s11, s11, 8`).join('; ');
}

/**
 * A handler for M-mode: records mcause, mepc and mtval and goes on in M-mode at the address in s10.
 * Clobbers t5 and t6.
 */
export const TRAP_RECORDER = `
    j trap_recorder_end
    .align 2
record_trap:
    csrr t5, mcause
    csrr t6, mepc
    ${record('t5', 't6')}
    csrr t5, mtval
    ${record('t5')}
    csrw mepc, s10
    li t5, 0x1800               # MPP = M
    csrs mstatus, t5
    li t5, 0x20000              # MPRV off
    csrc mstatus, t5
    mret
trap_recorder_end:
    la t5, record_trap
    csrw mtvec, t5
`;

const BEGINNING = `
    .equ RECORDS, ${RECORDS_ADDRESS}
    .equ TRAP_REPORT, ${TRAP_REPORT_ADDRESS}
    .equ FREE, ${FREE_ADDRESS}
    .equ SYSCON, 0x100000
    .equ UART, 0x10000000
    la t0, unexpected_trap
    csrw mtvec, t0
    li s11, RECORDS
    j body
    .align 2
unexpected_trap:
    li t0, TRAP_REPORT
    csrr t1, mcause
    sd t1, 8(t0)
    csrr t1, mepc
    sd t1, 16(t0)
    csrr t1, mtval
    sd t1, 24(t0)
    li t1, 1
    sd t1, 0(t0)
    j exit
    .align 3
body:
`;

/** Our core's host reads records from RAM. */
const POWER_OFF = `
exit:
    li t0, SYSCON
    li t1, 0x5555
    sw t1, 0(t0)
    j .
`;

/** QEMU prints what the host would have read: the trap report, then every record, 16 hex digits and a line end. */
const PRINT_AND_POWER_OFF = `
exit:
    la t0, unexpected_trap
    csrw mtvec, t0
    li s0, TRAP_REPORT
    li s1, 4
1:  ld a0, 0(s0)
    call print_hex
    addi s0, s0, 8
    addi s1, s1, -1
    bnez s1, 1b
    li s0, RECORDS
2:  bgeu s0, s11, 3f
    ld a0, 0(s0)
    call print_hex
    addi s0, s0, 8
    j 2b
3:  lbu t3, 5(t1)               # QEMU would lose what it has not sent yet
    andi t3, t3, 0x40
    beqz t3, 3b
    li t0, SYSCON
    li t1, 0x5555
    sw t1, 0(t0)
    j .
print_hex:
    li t1, UART
    li t2, 60
1:  srl t3, a0, t2
    andi t3, t3, 15
    li t4, 10
    addi t5, t3, '0'
    bltu t3, t4, 2f
    addi t5, t3, 'a' - 10
2:  lbu t3, 5(t1)
    andi t3, t3, 0x20
    beqz t3, 2b
    sb t5, 0(t1)
    addi t2, t2, -4
    bgez t2, 1b
3:  lbu t3, 5(t1)
    andi t3, t3, 0x20
    beqz t3, 3b
    li t5, '\\n'
    sb t5, 0(t1)
    ret
`;

export interface Program {
  readonly bytes: Uint8Array;
  readonly symbols: ReadonlyMap<string, bigint>;
}

/** `ending`: how the records leave the machine, by RAM or by UART. */
export function buildProgram(body: string, ending: 'ram' | 'uart'): Program {
  const tail = ending === 'ram' ? POWER_OFF : PRINT_AND_POWER_OFF;
  const program = assemble(`${BEGINNING}\n${body}\n${tail}`, { origin: PROGRAM_ADDRESS });
  if (program.bytes.length > TRAP_REPORT_ADDRESS - PROGRAM_ADDRESS) {
    throw new Error(`a program of ${program.bytes.length} bytes would run into its records`);
  }
  return program;
}

/** What a run left behind in the trap report and the records. */
export interface Outcome {
  /** Unsigned 64-bit values, in the order in which they were recorded. */
  readonly records: readonly bigint[];
  readonly symbols: ReadonlyMap<string, bigint>;
}

/** Throws when the program ended in a trap that it did not expect. */
export function checkTrapReport(report: readonly bigint[], symbols: ReadonlyMap<string, bigint>): void {
  const [happened, mcause, mepc, mtval] = report as [bigint, bigint, bigint, bigint];
  if (happened === 0n) return;
  const nearest = [...symbols]
    .filter(([name, address]) => !name.startsWith('.L') && address <= BigInt.asIntN(64, mepc))
    .reduce((best, each) => (each[1] >= best[1] ? each : best), ['start', BigInt(PROGRAM_ADDRESS)]);
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  throw new Error(
    `unexpected trap: mcause ${hex(mcause)}, mepc ${hex(mepc)} (${nearest[0]} + ${mepc - nearest[1]}), mtval ${hex(mtval)}`,
  );
}
