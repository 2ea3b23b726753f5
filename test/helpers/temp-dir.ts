/** A directory of the test's own, with a path short enough for unix sockets inside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir {
  readonly path: string;
  remove(): Promise<void>;
}

export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), 'baton-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
