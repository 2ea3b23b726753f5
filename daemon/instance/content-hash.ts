/**
 * What files hold, as one hash. Reading them takes long enough to be felt by everybody else, so they are read in
 * small pieces, one hash at a time, and again only when their stamp differs: inode, size and times, of which
 * `ctime` cannot be set back.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** No VMM comes near it. What is no file, such as a pipe or a device, could be read for ever. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

export type StatFile = (path: string) => Promise<BigIntStats>;

const statNow: StatFile = (path) => stat(path, { bigint: true });

/** For many stamps at once: no file is looked at twice. */
export function statOnce(): StatFile {
  const seen = new Map<string, Promise<BigIntStats>>();
  return (path) => {
    const status = seen.get(path) ?? statNow(path);
    seen.set(path, status);
    return status;
  };
}

/** Rejects when one of them is not there or is no file. */
export async function stampOf(files: readonly string[], statFile: StatFile = statNow): Promise<string> {
  const stats = await Promise.all(files.map(statFile));
  for (const [index, status] of stats.entries()) {
    if (!status.isFile() || status.size > MAX_FILE_BYTES) {
      throw new Error(`expected a file of at most ${MAX_FILE_BYTES} bytes at ${files[index]}`);
    }
  }
  const stamps = stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) =>
    [dev, ino, size, mtimeNs, ctimeNs].join(),
  );
  return createHash('sha256').update(stamps.join(';')).digest('hex');
}

async function hashOf(files: readonly string[]): Promise<string> {
  const digest = createHash('sha256');
  for (const file of files) {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES })) digest.update(piece);
    digest.update(`\0${basename(file)}\0`);
  }
  return digest.digest('hex');
}

export class ContentHashes {
  /** By the first file. */
  readonly #known = new Map<string, { readonly stamp: string; readonly hash: string }>();
  #queue: Promise<unknown> = Promise.resolve();

  /** Rejects when one of them cannot be read. */
  async of(files: readonly string[]): Promise<string> {
    const key = files[0] ?? '';
    const stamp = await stampOf(files);
    const known = this.#known.get(key);
    if (known?.stamp === stamp) return known.hash;
    const reading = this.#queue.then(() => this.#read(key, files, stamp));
    this.#queue = reading.catch(() => undefined);
    return reading;
  }

  /** Somebody who waited before may have read the same. */
  async #read(key: string, files: readonly string[], stamp: string): Promise<string> {
    const known = this.#known.get(key);
    if (known?.stamp === stamp) return known.hash;
    const hash = await hashOf(files);
    this.#known.set(key, { stamp, hash });
    return hash;
  }
}
