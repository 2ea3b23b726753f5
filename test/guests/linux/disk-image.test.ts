/** The judge of the guest's disk, judged: the guest's program writes here on the host, then blocks are spoilt. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { buildWorkload } from './build-workload.js';
import { BLOCKS_FILE } from './debian-guest.js';
import { checkFilesystem, diskToolsMissing, makeDiskImage, newestBlock } from './disk-image.js';

const SUITE = 'disk of a Debian guest';
const BLOCK_BYTES = 4096;
const BLOCKS = 512;
const test = suite<{ dir: TempDir; blocks: string; writes: number }>(SUITE);

/** Lets the guest's program write more often than the file has blocks; resolves with how often. */
async function write(folder: string): Promise<number> {
  const program = `${folder}.workload`;
  await writeFile(program, await buildWorkload());
  await chmod(program, 0o755);
  const child = spawn(program, ['disk', `${folder}/${BLOCKS_FILE}`, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'close');
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const enough = () => Number(/.*writes=(\d+) /s.exec(said)?.[1]) > BLOCKS + 10;
  try {
    await waitFor(enough, { deadlineMs: 60_000, what: 'the program to write the file twice' });
  } finally {
    child.kill('SIGTERM');
    await exit;
  }
  return Number(/ended writes=(\d+) /.exec(said)?.[1]);
}

test.before(async (context) => {
  context.dir = await tempDir();
  const folder = `${context.dir.path}/content`;
  await mkdir(folder);
  context.writes = await write(folder);
  context.blocks = `${folder}/${BLOCKS_FILE}`;
});
test.after(({ dir }) => dir.remove());

async function imageOf(dir: TempDir): Promise<string> {
  const image = `${dir.path}/disk.img`;
  await makeDiskImage(image, { sizeMiB: 16, content: `${dir.path}/content` });
  return image;
}

test('what the program wrote is found, to the last block', async ({ dir, writes }) => {
  const image = await imageOf(dir);
  await checkFilesystem(image);
  assert.is(await newestBlock(image, dir.path), writes - 1);
});

test('a block with one wrong byte, and one that was lost, are noticed', async ({ dir, blocks }) => {
  const intact = readFileSync(blocks);
  const spoilt = Buffer.from(intact);
  spoilt.writeUInt8(spoilt.readUInt8(5 * BLOCK_BYTES + 100) ^ 1, 5 * BLOCK_BYTES + 100);
  writeFileSync(blocks, spoilt);
  assert.match(await complaint(newestBlock(await imageOf(dir), dir.path)), /expected a block of the guest/);
  const newest = newestOf(intact);
  const lost = Buffer.from(intact);
  const place = ((newest - 1) % BLOCKS) * BLOCK_BYTES;
  intact.copy(lost, place, (newest % BLOCKS) * BLOCK_BYTES, (newest % BLOCKS) * BLOCK_BYTES + BLOCK_BYTES);
  writeFileSync(blocks, lost);
  assert.match(await complaint(newestBlock(await imageOf(dir), dir.path)), /is stale/);
  writeFileSync(blocks, intact);
});

function complaint(judged: Promise<unknown>): Promise<string> {
  return judged.then(
    () => 'none',
    (error: Error) => error.message,
  );
}

function newestOf(bytes: Buffer): number {
  const numbers = Array.from({ length: BLOCKS }, (_, at) =>
    Number(bytes.readBigUInt64LE(at * BLOCK_BYTES + 8)),
  );
  return Math.max(...numbers);
}

test('a filesystem that is broken is noticed', async ({ dir }) => {
  const image = await imageOf(dir);
  const bytes = readFileSync(image);
  bytes.fill(0xff, 1024 * 1024, 3 * 1024 * 1024);
  writeFileSync(image, bytes);
  assert.match(await complaint(checkFilesystem(image)), /expected a clean filesystem/);
});

const missing = arch() === 'x64' ? await diskToolsMissing() : 'the program is for x86_64';
if (missing === null) test.run();
else skipSuite(SUITE, missing);
