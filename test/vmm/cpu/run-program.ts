/**
 * Runs a test program to its end and returns what it recorded: on our core, or, to check the expectations
 * themselves, on QEMU (`BATON_CPU_ORACLE=qemu node dist/test/run.js vmm/cpu`).
 */
import {
  buildProgram,
  checkTrapReport,
  type Outcome,
  PROGRAM_ADDRESS,
  RECORDS_ADDRESS,
  record,
  TRAP_REPORT_ADDRESS,
} from './program.js';

export { FREE_ADDRESS, type Outcome, record, TRAP_RECORDER } from './program.js';

/** True when programs run on QEMU; tests of what only our host can see or do leave themselves out then. */
export const ON_QEMU = process.env.BATON_CPU_ORACLE === 'qemu';

type Runner = (body: string) => Outcome;

async function qemuRunner(): Promise<Runner> {
  const { findQemu, runProgramOnQemu } = await import('./qemu.js');
  const qemu = findQemu();
  if ('missing' in qemu) throw new Error(qemu.missing);
  return (body) => runProgramOnQemu(qemu.argv, body);
}

async function coreRunner(): Promise<Runner> {
  const { TestMachine } = await import('./test-machine.js');
  return (body) => {
    const { bytes, symbols } = buildProgram(body, 'ram');
    const machine = new TestMachine();
    machine.load(bytes);
    machine.core.pc = BigInt(PROGRAM_ADDRESS);
    machine.runToEnd();
    const report = [0, 8, 16, 24].map((offset) => machine.dword(TRAP_REPORT_ADDRESS + offset));
    checkTrapReport(report, symbols);
    const end = Number(BigInt.asUintN(64, machine.core.readX(27)));
    const records: bigint[] = [];
    for (let at = RECORDS_ADDRESS; at < end; at += 8) records.push(machine.dword(at));
    return { records, symbols };
  };
}

export const runProgram: Runner = ON_QEMU ? await qemuRunner() : await coreRunner();

/** One program for many small cases: each snippet leaves its result in a0; the results come back in order. */
export function resultsOf(snippets: readonly string[], prologue = ''): readonly bigint[] {
  const { records } = runProgram(
    [prologue, ...snippets.map((each) => `${each}\n${record('a0')}`)].join('\n'),
  );
  if (records.length !== snippets.length) {
    throw new Error(`expected ${snippets.length} results, got ${records.length}`);
  }
  return records;
}

export interface Case {
  readonly name: string;
  readonly code: string;
  /** What a0 must be, signed or unsigned. */
  readonly expected: bigint | number;
}

const hex = (value: bigint) => `0x${value.toString(16).padStart(16, '0')}`;

/** Runs all cases in one program and throws an error that lists each wrong one. */
export function checkCases(cases: readonly Case[], prologue = ''): void {
  const results = resultsOf(
    cases.map(({ code }) => code),
    prologue,
  );
  const wrong = cases.flatMap(({ name, expected }, index) => {
    const wanted = BigInt.asUintN(64, BigInt(expected));
    const got = results[index] as bigint;
    return got === wanted ? [] : [`${name}: expected ${hex(wanted)}, got ${hex(got)}`];
  });
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${cases.length} wrong\n${wrong.join('\n')}`);
}
