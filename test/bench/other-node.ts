/** What is run by another Node than this one, from an installation that is built by that Node. */
import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BATON, type Contender } from './contender.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface NodeProgram {
  readonly path: string;
  readonly version: string;
}

export async function findNode(path: string | undefined): Promise<NodeProgram> {
  if (path === undefined) return { path: process.execPath, version: process.version };
  const { stdout } = await promisify(execFile)(path, ['-p', 'process.version']);
  return { path, version: stdout.trim() };
}

/** `directory`: where the installation goes, if one is needed. */
export async function batonBy({ path, version }: NodeProgram, directory: string): Promise<Contender> {
  if (path === process.execPath) return BATON;
  await mkdir(join(directory, 'native'), { recursive: true });
  for (const part of ['vmm', 'native']) {
    await cp(join(ROOT, 'dist', part), join(directory, 'dist', part), { recursive: true });
  }
  await cp(join(ROOT, 'package.json'), join(directory, 'package.json'));
  await symlink(join(ROOT, 'native/build'), join(directory, 'native/build'));
  await promisify(execFile)(path, [join(ROOT, 'vmm/build.mjs'), join(directory, 'dist')]);
  return {
    name: `baton-vmm, Node ${version}`,
    argvPrefix: [path, join(directory, 'dist/vmm/baton-vmm.cjs')],
  };
}

/** The start of `baton`, built by this Node. `directory` as above. */
export async function commandLineBy({ path }: NodeProgram, directory: string): Promise<string> {
  if (path === process.execPath) return join(ROOT, 'dist/daemon/cli/main.js');
  await mkdir(directory, { recursive: true });
  await cp(join(ROOT, 'package.json'), join(directory, 'package.json'));
  await promisify(execFile)(path, [join(ROOT, 'daemon/cli/build.mjs'), join(directory, 'dist')]);
  return join(directory, 'dist/daemon/cli/main.js');
}
