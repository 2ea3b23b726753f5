/** Runs a QEMU binary to learn what each of its devices puts into a migration stream. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askAnew, type Recall } from '../preflight/kept-answers.js';
import { parseVmStateDump, type VmStateDump } from '../preflight/vmstate.js';
import { runBounded } from './bounded-run.js';
import { giveToVmm, makePassage } from './vmm-user.js';

/** A dump of today's QEMU has 1.4 MB and takes a quarter of a second, as every module is loaded. */
const LIMITS = { deadlineMs: 20_000, maxOutputBytes: 1024 * 1024, input: '' };
const MAX_DUMP_BYTES = 32 * 1024 * 1024;
/** The dump goes to a file, which the binary opens by its path: so the shell limits it, in blocks of 512 bytes. */
const WITH_FILE_LIMIT = `ulimit -f ${MAX_DUMP_BYTES / 512}; exec "$0" "$@"`;

/** Rejects with a sentence when the binary does not know the machine type, or writes no such document. */
export function dumpVmState(
  path: string,
  machineType: string,
  recall: Recall = askAnew,
): Promise<VmStateDump> {
  return recall(['vmstate', machineType], () => write(path, machineType), parseVmStateDump);
}

async function write(path: string, machineType: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-vmstate-'));
  const file = join(folder, 'vmstate.json');
  try {
    /* The file is the program's, which runs as another user. Its folder is ours: nothing else can be put in its place. */
    makePassage(folder);
    await writeFile(file, '', { flag: 'wx', mode: 0o600 });
    giveToVmm(file);
    const args = ['-c', WITH_FILE_LIMIT, path, '-machine', machineType, '-dump-vmstate', file];
    const { failure } = await runBounded({ file: '/bin/sh', args }, LIMITS);
    const expected = `expected ${path} to write its vmstate for ${machineType}, but it`;
    if (failure !== null) throw new Error(`${expected} ${failure}`);
    const text = await readFile(file, 'utf8');
    if (text === '') throw new Error(`${expected} wrote nothing`);
    return text;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
