/** Snippets for programs that leave M-mode: opening memory, entering S and U, catching what happens there. */
import { runProgram, TRAP_RECORDER } from './run-program.js';

export type Mode = 'm' | 's' | 'u';

/** Without a matching PMP entry S and U may access nothing. */
export const OPEN_MEMORY = `
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f                 # NAPOT, all of memory, read, write, execute
    csrw pmpcfg0, t0
`;

const PREVIOUS_MODE = { m: 0x1800, s: 0x800, u: 0 } as const;

/** Goes on in `mode` at `label`; `offset` is what translation adds to the label's address. Clobbers t5, t6. */
export function enter(mode: Mode, label: string, offset: bigint | number = 0): string {
  return `
    li t5, 0x1800
    csrc mstatus, t5
    li t5, ${PREVIOUS_MODE[mode]}
    csrs mstatus, t5
    la t5, ${label}
    li t6, ${offset}
    add t5, t5, t6
    csrw mepc, t5
    mret
  `;
}

export interface Attempt {
  readonly mode: Mode;
  /** Runs in M-mode before, with traps recorded. */
  readonly prepare?: string;
  readonly instruction: string;
}

export interface Trap {
  readonly mcause: bigint;
  readonly mtval: bigint;
  /** Distance of mepc from the instruction. */
  readonly offset: bigint;
}

const ECALL_CAUSES: Readonly<Record<Mode, bigint>> = { u: 8n, s: 9n, m: 11n };

/** Tries one instruction in a mode: the trap that it takes, or null when the ecall behind it is reached. */
export function attempt({ mode, prepare = '', instruction }: Attempt): Trap | null {
  const { records, symbols } = runProgram(`
    ${TRAP_RECORDER}
    ${OPEN_MEMORY}
    ${prepare}
    la s10, after
    ${enter(mode, 'inside')}
  inside:
    ${instruction}
  behind:
    ecall
  after:
  `);
  const [mcause, mepc, mtval] = records as [bigint, bigint, bigint];
  const address = (label: string) => BigInt.asUintN(64, symbols.get(label) as bigint);
  if (mcause === ECALL_CAUSES[mode] && mepc === address('behind')) return null;
  return { mcause, mtval, offset: mepc - address('inside') };
}

/** The cause of the trap that an instruction takes in a mode, or null. */
export function causeIn(mode: Mode, instruction: string, prepare = ''): bigint | null {
  return attempt({ mode, instruction, prepare })?.mcause ?? null;
}
