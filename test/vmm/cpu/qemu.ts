/**
 * Runs test programs on qemu-system-riscv64: the oracle for expectations and the other side of the differential
 * tests. QEMU is the fetched one when there is one, else what the PATH offers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findInCache } from '../../fetch/cache.js';
import { buildProgram, checkTrapReport, type Outcome, RAM_BYTES } from './program.js';

const RUN_DEADLINE_MS = 60_000;
const TRAP_REPORT_DWORDS = 4;

/** How to start QEMU, or why it cannot be. */
export function findQemu(): { readonly argv: readonly string[] } | { readonly missing: string } {
  const fetched = findInCache().qemu('11.1', 'riscv64');
  if ('argvPrefix' in fetched) return { argv: fetched.argvPrefix };
  const found = spawnSync('qemu-system-riscv64', ['--version'], { stdio: 'ignore' });
  if (found.status === 0) return { argv: ['qemu-system-riscv64'] };
  return { missing: `${fetched.missing}, and qemu-system-riscv64 is not on the PATH` };
}

/** Runs a program that was built to end by UART, and returns what it printed. */
export function runImageOnQemu(argv: readonly string[], image: Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), 'baton-'));
  try {
    const path = join(directory, 'program.bin');
    writeFileSync(path, image);
    const [command, ...prefix] = argv as [string, ...string[]];
    const machine = [
      '-machine',
      'virt',
      '-cpu',
      'rv64,h=false',
      '-m',
      `${RAM_BYTES / 2 ** 20}M`,
      '-bios',
      path,
    ];
    const quiet = ['-display', 'none', '-monitor', 'none', '-nodefaults', '-serial', 'stdio', '-no-reboot'];
    return execFileSync(command, [...prefix, ...machine, ...quiet], {
      timeout: RUN_DEADLINE_MS,
      killSignal: 'SIGKILL',
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** As `runProgram`, on QEMU. */
export function runProgramOnQemu(argv: readonly string[], body: string): Outcome {
  const { bytes, symbols } = buildProgram(body, 'uart');
  const values = runImageOnQemu(argv, bytes)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => BigInt(`0x${line}`));
  checkTrapReport(values.slice(0, TRAP_REPORT_DWORDS), symbols);
  return { records: values.slice(TRAP_REPORT_DWORDS), symbols };
}
