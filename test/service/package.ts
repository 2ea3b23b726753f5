/**
 * Baton as it is installed: what `npm pack` makes, with the packages that it needs beside it, below a root folder. npm
 * itself does no more than this, and has to have a network for it; what it makes of the tarball is tested by itself.
 */
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const INSTALLED = 'usr/lib/node_modules/baton';
const DEADLINE_MS = 120_000;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** Returns the path of the tarball in `folder`. */
export async function packBaton(folder: string): Promise<string> {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await execa('npm', args, { cwd: REPOSITORY, timeout: DEADLINE_MS });
  return join(folder, stdout.trim().split('\n').at(-1) ?? '');
}

/** Folders below node_modules that an installation needs. */
export async function neededPackages(): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev && path.lastIndexOf('node_modules/') === 0)
    .map(([path]) => path);
}

export async function installBaton(root: string, tarball: string): Promise<void> {
  const folder = join(root, INSTALLED);
  await mkdir(dirname(folder), { recursive: true });
  await execa('tar', ['-xzf', tarball, '-C', dirname(folder)], { timeout: DEADLINE_MS });
  await rename(join(dirname(folder), 'package'), folder);
  for (const path of await neededPackages()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(REPOSITORY, path), join(folder, path), { recursive: true, verbatimSymlinks: true });
  }
  await linkPrograms(root);
}

async function linkPrograms(root: string): Promise<void> {
  const text = await readFile(join(root, INSTALLED, 'package.json'), 'utf8');
  const { bin } = JSON.parse(text) as { bin: Record<string, string> };
  for (const [name, path] of Object.entries(bin)) {
    await execa('chmod', ['755', join(root, INSTALLED, path)], { reject: false });
    await symlink(`../lib/node_modules/baton/${path}`, join(root, 'usr/bin', name));
  }
}

/** What an upgrade of the package does: other files in its place, of another version, its VMM among them. */
export async function replaceBaton(root: string, version: string): Promise<void> {
  const folder = join(root, INSTALLED);
  await mkdir(`${folder}.new`);
  for (const name of await readdir(folder)) {
    if (name !== 'node_modules')
      await cp(join(folder, name), join(`${folder}.new`, name), { recursive: true });
  }
  await rename(join(folder, 'node_modules'), join(`${folder}.new`, 'node_modules'));
  const path = join(`${folder}.new`, 'package.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace(/"version": "[^"]*"/, `"version": "${version}"`));
  await appendFile(join(`${folder}.new`, 'dist/vmm/baton-vmm.cjs'), `\n/* ${version} */\n`);
  await rename(folder, `${folder}.old`);
  await rename(`${folder}.new`, folder);
  await rm(`${folder}.old`, { recursive: true });
}
