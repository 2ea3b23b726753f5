/** Compiles the floating point of the CPU alone, as it stands in the source tree, and loads it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tempDir } from '../../helpers/temp-dir.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const COMPILE_DEADLINE_MS = 60_000;

/** Bit patterns of binary32 come and go as 32-bit numbers, those of binary64 and 64-bit integers as BigInt. */
export type Bits = number | bigint;
export type Operation = (...operands: Bits[]) => Bits;

export interface SoftFloat {
  readonly operation: (name: string) => Operation;
  readonly takeFlags: () => number;
}

async function compile(): Promise<WebAssembly.Module> {
  const output = await tempDir();
  try {
    const file = join(output.path, 'softfloat.wasm');
    const config = 'vmm/cpu/assembly/softfloat/asconfig.json';
    await promisify(execFile)(
      process.execPath,
      ['node_modules/assemblyscript/bin/asc.js', '--config', config, '--target', 'release', '-o', file],
      { cwd: ROOT, timeout: COMPILE_DEADLINE_MS },
    );
    return await WebAssembly.compile(await readFile(file));
  } finally {
    await output.remove();
  }
}

export async function loadSoftFloat(): Promise<SoftFloat> {
  const { exports } = await WebAssembly.instantiate(await compile(), {});
  const operation = (name: string) => {
    const found = exports[name];
    if (typeof found !== 'function') throw new Error(`expected softfloat to export ${name}`);
    return found as Operation;
  };
  return { operation, takeFlags: operation('takeFlags') as () => number };
}
