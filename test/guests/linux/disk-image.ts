/**
 * The guest's disk as the host sees it: made with mke2fs, judged by e2fsck and read by debugfs once no VMM has it
 * open. Nothing here trusts what the guest said.
 */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { BLOCKS_FILE } from './debian-guest.js';

const TOOL_DEADLINE_MS = 60_000;
const BLOCK_BYTES = 4096;
const MAGIC = 0x6b6c626e6f746162n;
const STEP = 0x9e3779b97f4a7c15n;
/** Debian keeps them where an ordinary user's PATH does not look. */
const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8' };

/** The tools that are not there; null when all are. */
export async function diskToolsMissing(): Promise<string | null> {
  const { failed } = await execa('mke2fs', ['-V'], { reject: false, env });
  return failed ? 'mke2fs, e2fsck and debugfs are not on the PATH (Debian: e2fsprogs)' : null;
}

export interface DiskImageOptions {
  readonly sizeMiB?: number;
  /** A folder whose files are to be on it; absent: it is empty. */
  readonly content?: string;
}

export async function makeDiskImage(path: string, { sizeMiB = 64, content }: DiskImageOptions = {}) {
  await writeFile(path, '');
  await truncate(path, sizeMiB * 1024 * 1024);
  const files = content === undefined ? [] : ['-d', content];
  await execa('mke2fs', ['-q', '-F', '-t', 'ext4', ...files, path], { timeout: TOOL_DEADLINE_MS, env });
}

/** Fails when e2fsck has anything to say about an image that was unmounted; nothing is repaired. */
export async function checkFilesystem(path: string): Promise<void> {
  const { exitCode, stdout, all } = await execa('e2fsck', ['-f', '-n', path], {
    timeout: TOOL_DEADLINE_MS,
    reject: false,
    all: true,
    env,
  });
  if (exitCode !== 0 || /recovering journal|WARNING/.test(stdout)) {
    throw new Error(`expected a clean filesystem in ${path}, e2fsck says (${exitCode}): ${all}`);
  }
}

/** Checks every block of the guest's file by its number; resolves with the newest number, or -1. */
export async function newestBlock(path: string, directory: string): Promise<number> {
  const copy = `${directory}/${BLOCKS_FILE}.dump`;
  await execa('debugfs', ['-R', `dump /${BLOCKS_FILE} ${copy}`, path], { timeout: TOOL_DEADLINE_MS, env });
  const bytes = await readFile(copy);
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    numbers.push(checkBlock(bytes.subarray(at, at + BLOCK_BYTES)));
  }
  const newest = Math.max(-1, ...numbers);
  // Each place has the last number that belongs to it: what is older was lost, what is newer was made up.
  const stale = numbers.findIndex((number, index) => number !== newest - ((newest - index) % numbers.length));
  if (stale >= 0) throw new Error(`expected no block to be lost up to ${newest}, block ${stale} is stale`);
  return newest;
}

function checkBlock(block: Buffer): number {
  const number = block.readBigUInt64LE(8);
  const isIntact = (at: number): boolean => {
    const expected = BigInt.asUintN(64, ((number + BigInt(at)) * STEP) ^ (number << 32n));
    return block.readBigUInt64LE(at * 8) === expected;
  };
  const words = Array.from({ length: BLOCK_BYTES / 8 - 2 }, (_, index) => index + 2);
  if (block.readBigUInt64LE(0) !== MAGIC || !words.every(isIntact)) {
    throw new Error(`expected a block of the guest, got ${block.toString('hex', 0, 32)}…`);
  }
  return Number(number);
}
