/**
 * What a VMM's files hold, as one hash. Reading them takes long enough to be felt by everybody else, so files
 * are read again only when their inode, size or times say that they may have changed; `ctime` cannot be set back.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** `main.js` is the entry of a folder of modules: what it runs is all of them. */
async function filesOf(path: string): Promise<string[]> {
  if (basename(path) !== 'main.js') return [path];
  const folder = dirname(path);
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => /\.(js|wasm|node)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** No VMM comes near it. What is no file, such as a pipe or a device, could be read for ever. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

async function fingerprintOf(files: readonly string[]): Promise<string> {
  const stats = await Promise.all(files.map((file) => stat(file, { bigint: true })));
  for (const [index, status] of stats.entries()) {
    if (!status.isFile() || status.size > MAX_FILE_BYTES) {
      throw new Error(`expected a file of at most ${MAX_FILE_BYTES} bytes at ${files[index]}`);
    }
  }
  return stats
    .map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join())
    .join(';');
}

export class ContentHashes {
  readonly #known = new Map<string, { readonly fingerprint: string; readonly hash: string }>();

  /** Rejects when there is nothing to read at `path`. */
  async of(path: string): Promise<string> {
    const files = await filesOf(path);
    const fingerprint = await fingerprintOf(files);
    const known = this.#known.get(path);
    if (known?.fingerprint === fingerprint) return known.hash;
    const digest = createHash('sha256');
    for (const file of files) digest.update(await readFile(file)).update(`\0${basename(file)}\0`);
    const hash = digest.digest('hex');
    this.#known.set(path, { fingerprint, hash });
    return hash;
  }
}
