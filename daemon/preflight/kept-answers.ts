/**
 * What was learned at a cost, for a daemon that starts again: each answer is a file whose name is the hash of its
 * question. It is there as a whole or not at all; what cannot be read, or is not understood, is asked for anew. At
 * most `capacity` are kept, those longest unused go first. A disk that takes nothing costs time and no more.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Build } from '../build.js';
import { stampOf } from '../instance/content-hash.js';

/**
 * `question` is JSON and names all that the answer depends on. `understand` throws at what is no answer; an answer
 * just given that is none makes this reject.
 */
export type Recall = <Value>(
  question: readonly unknown[],
  ask: () => Promise<string>,
  understand: (answer: string) => Value,
) => Promise<Value>;

/** Keeps nothing. */
export const askAnew: Recall = async (_question, ask, understand) => understand(await ask());

type AskedBuild = Pick<Build, 'path' | 'contentHash' | 'files' | 'fileStamp'>;

/** For questions to a build: answers are those of its content. Rejects when that changed while it was asked. */
export function ofBuild(recall: Recall, { path, contentHash, files, fileStamp }: AskedBuild): Recall {
  return (question, ask, understand) => {
    const askUnchanged = async () => {
      const answer = await ask();
      if ((await stampOf(files)) === fileStamp) return answer;
      throw new Error(`the files of ${path} changed while it was asked`);
    };
    return recall([path, contentHash, ...question], askUnchanged, understand);
  };
}

const KEPT = 256;
/** A dump of the state of all devices of today's QEMU is a fortieth of it. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const pack = promisify(gzip);
const unpack = promisify(gunzip);

export class KeptAnswers {
  readonly #folder: string;
  readonly #capacity: number;

  constructor(folder: string, capacity = KEPT) {
    this.#folder = folder;
    this.#capacity = capacity;
  }

  readonly recall: Recall = async (question, ask, understand) => {
    const name = createHash('sha256').update(JSON.stringify(question)).digest('hex');
    const path = `${this.#folder}/${name}`;
    const kept = await read(path, understand);
    if (kept !== null) return kept.value;
    const answer = await ask();
    const value = understand(answer);
    await this.#write(path, answer).catch(() => undefined);
    return value;
  };

  /** Nothing waits for the disk: an answer that a power cut takes is asked for again. */
  async #write(path: string, answer: string): Promise<void> {
    const bytes = await pack(answer);
    if (bytes.length > MAX_FILE_BYTES) return;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const unfinished = `${path}.${randomUUID()}`;
    try {
      await writeFile(unfinished, bytes, { mode: 0o600 });
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await this.#makeRoom();
  }

  /** What a daemon left that died while it wrote grows old here as well. */
  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#folder);
    if (names.length <= this.#capacity) return;
    const paths = names.map((name) => `${this.#folder}/${name}`);
    const used = await Promise.all(
      paths.map(async (path) => ({ path, at: (await stat(path).catch(() => null))?.mtimeMs ?? 0 })),
    );
    used.sort((a, b) => b.at - a.at);
    for (const { path } of used.slice(this.#capacity)) await rm(path, { force: true });
  }
}

/** Null when it is not there, or is nothing that is understood. */
async function read<Value>(
  path: string,
  understand: (answer: string) => Value,
): Promise<{ readonly value: Value } | null> {
  try {
    const file = await stat(path);
    if (!file.isFile() || file.size > MAX_FILE_BYTES) return null;
    const answer = await unpack(await readFile(path), { maxOutputLength: MAX_ANSWER_BYTES });
    const value = understand(answer.toString('utf8'));
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined);
    return { value };
  } catch {
    return null;
  }
}
