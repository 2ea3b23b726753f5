/**
 * Builds `workload.cpp` for guests on x86_64: one static file. The compiler is the one that the native addon
 * is built with; on another host the cross compiler of that name.
 */
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { tempDir } from '../../helpers/temp-dir.js';

const SOURCE = fileURLToPath(new URL('../../../../test/guests/linux/workload.cpp', import.meta.url));
const COMPILER = arch() === 'x64' ? 'g++' : 'x86_64-linux-gnu-g++';
const FLAGS = ['-std=c++17', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror'];
const BUILD_DEADLINE_MS = 60_000;

export async function buildWorkload(): Promise<Uint8Array> {
  const directory = await tempDir();
  try {
    const program = join(directory.path, 'workload');
    await execa(COMPILER, [...FLAGS, '-o', program, SOURCE], { timeout: BUILD_DEADLINE_MS });
    return await readFile(program);
  } finally {
    await directory.remove();
  }
}
