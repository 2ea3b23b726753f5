/** A real block device of the host's, a loop device over a file: what is given back is a hole in the file. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openImage } from '../../../vmm/block/open-image.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const SUITE = 'block devices of the host';
const SIZE_BYTES = 4 * 2 ** 20;
const RANGE_BYTES = 2 ** 20;
const TOOL_DEADLINE_MS = 10_000;

interface Context {
  dir: TempDir;
  file: string;
  device: string;
}

function losetup(...args: string[]) {
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  return execa('losetup', args, { timeout: TOOL_DEADLINE_MS, env });
}

/** Rejects when there can be none. */
async function attach(file: string): Promise<string> {
  const { stdout } = await losetup('--find', '--show', file);
  return stdout.trim();
}

const test = suite<Context>(SUITE);

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.file = join(context.dir.path, 'file');
  writeFileSync(context.file, Buffer.alloc(SIZE_BYTES, 0x5a));
  context.device = await attach(context.file);
});
test.after.each(async ({ dir, device }) => {
  await losetup('--detach', device);
  await dir.remove();
});

function open(path: string, direct: boolean) {
  const node = {
    nodeName: null,
    readOnly: false,
    autoReadOnly: false,
    noFlush: false,
    discard: 'unmap',
  } as const;
  return openImage({ ...node, driver: 'host_device', path, direct, locking: 'off' }, null);
}

const outcome = (call: (done: (error: string | null) => void) => void) => new Promise<string | null>(call);

function read(image: ReturnType<typeof open>, at: number, sizeBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    image.read(at, sizeBytes, (error, bytes) => (error === null ? resolve(bytes) : reject(new Error(error))));
  });
}

const isAll = (bytes: Uint8Array, value: number) => bytes.every((byte) => byte === value);

for (const direct of [false, true]) {
  test(`${direct ? 'past' : 'through'} the page cache: reads, writes, discards and zeroes`, async (context) => {
    const image = open(context.device, direct);
    assert.is(image.sizeBytes, SIZE_BYTES);
    const blocks = () => statSync(context.file).blocks * 512;
    const before = blocks();
    assert.is(await outcome((done) => image.write(4096, new Uint8Array(4096).fill(1), done)), null);
    assert.is(await outcome((done) => image.flush(done)), null);
    assert.ok(isAll(await read(image, 4096, 4096), 1));
    assert.ok(isAll(await read(image, 8192, 4096), 0x5a));
    assert.is(await outcome((done) => image.discard(RANGE_BYTES, RANGE_BYTES, done)), null);
    assert.is(await outcome((done) => image.flush(done)), null);
    assert.is(blocks(), before - RANGE_BYTES, 'what was discarded is a hole');
    assert.ok(isAll(await read(image, RANGE_BYTES, 4096), 0), 'and reads as zeros');
    for (const mayUnmap of [false, true]) {
      const at = (mayUnmap ? 2 : 3) * RANGE_BYTES;
      assert.is(await outcome((done) => image.writeZeroes(at, RANGE_BYTES, mayUnmap, done)), null);
      assert.ok(isAll(await read(image, at, RANGE_BYTES), 0));
    }
    assert.ok(isAll(await read(image, 4096, 4096), 1));
    image.close();
  });
}

test('what is no block device is refused by that driver', ({ file }) => {
  assert.throws(() => open(file, false), /block device/);
});

async function missing(): Promise<string | null> {
  const dir = await tempDir();
  try {
    const file = join(dir.path, 'trial');
    writeFileSync(file, Buffer.alloc(4096));
    await losetup('--detach', await attach(file));
    return null;
  } catch (error) {
    return `no loop device can be made here (Debian: mount, as root): ${(error as Error).message.split('\n')[0]}`;
  } finally {
    await dir.remove();
  }
}

const reason = await missing();
if (reason === null) test.run();
else skipSuite(SUITE, reason);
