/** Lines of the machine's thread for the operator. */
import { writeSync } from 'node:fs';

const STDERR = 2;

export function printError(line: string): void {
  print(`baton-vmm: ${line}`);
}

export function print(line: string): void {
  try {
    writeSync(STDERR, `${line}\n`);
  } catch {
    // stderr is gone or full; the guest's mistakes are not worth more.
  }
}
