/**
 * Single files out of Debian's source packages. apt downloads upstream's tarball and verifies it by the same
 * chain of hashes and signatures as a binary package; what is wanted is unpacked and the tarball removed.
 * An index may list versions that the archive does not hold (any more, or yet): the newest that it has is taken.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { type AptRoot, apt, FetchError, hostArchitecture, openAptRoot } from './apt.js';
import type { SourceBundle } from './bundles.js';
import { readManifest, withBundle, writeManifest } from './manifest.js';
import { recipeHash } from './products.js';

const UNPACK_DEADLINE_MS = 10 * 60_000;

export interface SourceOptions {
  readonly cache: string;
  readonly refresh: boolean;
  log(line: string): void;
}

export async function ensureSource(options: SourceOptions, bundle: SourceBundle): Promise<void> {
  const { cache, refresh, log } = options;
  const definition = recipeHash(bundle);
  const present = readManifest(cache).bundles[bundle.name];
  if (!refresh && present?.definition === definition) return;
  log(`${bundle.name}: reading source lists of ${bundle.suites.join(', ')}`);
  const directory = join(cache, 'apt', `${bundle.suites.join('+')}-source`);
  const root = await openAptRoot(directory, bundle.suites, await hostArchitecture(), 'source');
  const versions = await listVersions(root, bundle.package);
  if (present?.definition === definition && present.packages[0]?.version === versions[0]) return;
  log(`${bundle.name}: downloading the source of ${bundle.package}`);
  const { version, archive } = await downloadNewest(root, bundle.package, versions);
  const tree = join('trees', bundle.name);
  await unpackFiles(archive, bundle.files, join(cache, tree));
  const sha256 = await hashOf(archive);
  await rm(archive);
  const packages = [{ name: bundle.package, version, architecture: 'source', sha256 }];
  const entry = { definition, tree, packages, fetchedAt: new Date().toISOString() };
  await writeManifest(cache, withBundle(readManifest(cache), bundle.name, entry));
}

/** All versions that the lists name, newest first. */
async function listVersions(root: AptRoot, name: string): Promise<string[]> {
  const text = await apt(root, 'apt-cache', ['showsrc', '--only-source', name]);
  const versions = sourceVersions(text);
  if (versions.length === 0)
    throw new FetchError(`expected the source of ${name} in ${root.origin}, got none`);
  const { stdout } = await execa('sort', ['--version-sort', '--reverse'], { input: versions.join('\n') });
  return stdout.split('\n');
}

/** The versions in the output of `apt-cache showsrc`, each once. */
export function sourceVersions(shown: string): string[] {
  return [...new Set([...shown.matchAll(/^Version: (\S+)$/gm)].map(([, version = '']) => version))];
}

async function downloadNewest(
  root: AptRoot,
  name: string,
  versions: readonly string[],
): Promise<{ version: string; archive: string }> {
  let failure: unknown;
  for (const version of versions) {
    try {
      const args = ['source', '--download-only', '--tar-only', `${name}=${version}`];
      await apt(root, 'apt-get', args, root.archives);
    } catch (error) {
      failure = error;
      continue;
    }
    const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
    const start = `${name}_${upstream}.orig.tar.`;
    const file = (await readdir(root.archives)).find((candidate) => candidate.startsWith(start));
    if (file === undefined) throw new FetchError(`expected apt to download ${start}*, but it did not`);
    return { version, archive: join(root.archives, file) };
  }
  throw failure;
}

/** The tree appears under its name only when it is complete. */
async function unpackFiles(archive: string, files: readonly string[], tree: string): Promise<void> {
  const partial = `${tree}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const patterns = files.map((file) => `*/${file}`);
  const args = [
    '--extract',
    '--file',
    archive,
    '--directory',
    partial,
    '--strip-components=1',
    '--wildcards',
  ];
  try {
    await execa('tar', [...args, '--no-wildcards-match-slash', ...patterns], { timeout: UNPACK_DEADLINE_MS });
  } catch (cause) {
    throw new FetchError(`expected ${files.join(', ')} in ${archive}, but tar failed`, { cause });
  }
  await rm(tree, { recursive: true, force: true });
  await rename(partial, tree);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
