/**
 * Unpacks downloaded packages into one tree with dpkg-deb, or keeps them in one folder. The tree appears under its
 * name only when it is complete. Nothing is installed and no package script runs.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import type { PackageEntry } from './manifest.js';

const UNPACK_DEADLINE_MS = 10 * 60_000;

export async function unpackAll(
  archives: readonly string[],
  tree: string,
  form: 'tree' | 'archives' = 'tree',
): Promise<PackageEntry[]> {
  const partial = `${tree}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const packages: PackageEntry[] = [];
  for (const archive of archives) {
    packages.push(await describe(archive));
    if (form === 'archives') await copyFile(archive, join(partial, basename(archive)));
    else await execa('dpkg-deb', ['--extract', archive, partial], { timeout: UNPACK_DEADLINE_MS });
  }
  await rm(tree, { recursive: true, force: true });
  await rename(partial, tree);
  return packages.sort((left, right) => (left.name < right.name ? -1 : 1));
}

async function describe(archive: string): Promise<PackageEntry> {
  const { stdout } = await execa('dpkg-deb', ['--field', archive, 'Package', 'Version', 'Architecture']);
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stdout)?.[1] ?? '';
  const hash = createHash('sha256');
  await pipeline(createReadStream(archive), hash);
  return {
    name: field('Package'),
    version: field('Version'),
    architecture: field('Architecture'),
    sha256: hash.digest('hex'),
  };
}
