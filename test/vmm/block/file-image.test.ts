/** Images on real files: what is written is there, through the page cache and past it, and what the host refuses is told. */
import { openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FileImage } from '../../../vmm/block/file-image.js';
import { openImage } from '../../../vmm/block/open-image.js';
import type { FileNodeOptions } from '../../../vmm/options/block-options.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { makeImage } from '../disk-host.js';

let dir: TempDir;
let path: string;

const test = suite('file images');

test.before.each(async () => {
  dir = await tempDir();
  path = makeImage(join(dir.path, 'disk.img'), 64 * 1024);
});

test.after.each(() => dir.remove());

const NODE = {
  nodeName: null,
  readOnly: false,
  autoReadOnly: false,
  noFlush: false,
  discard: 'unmap',
} as const;

function open(options: Partial<FileNodeOptions> = {}): FileImage {
  return openImage({ ...NODE, driver: 'file', path, direct: false, locking: 'off', ...options }, null);
}

type Call<T extends unknown[]> = (done: (...results: T) => void) => void;

function outcome(call: Call<[string | null]>): Promise<string | null> {
  return new Promise((resolve) => call(resolve));
}

function read(image: FileImage, at: number, sizeBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    image.read(at, sizeBytes, (error, bytes) => (error === null ? resolve(bytes) : reject(new Error(error))));
  });
}

const fill = (sizeBytes: number, value: number) => new Uint8Array(sizeBytes).fill(value);
const isAll = (bytes: Uint8Array, value: number) => bytes.every((byte) => byte === value);

for (const direct of [false, true]) {
  const how = direct ? 'past the page cache' : 'through the page cache';

  test(`${how}: writes, reads, and clears ranges of any sectors`, async () => {
    const image = open({ direct });
    assert.is(await outcome((done) => image.write(0, fill(64 * 1024, 1), done)), null);
    assert.is(await outcome((done) => image.write(512, fill(1024, 2), done)), null);
    assert.is(await outcome((done) => image.discard(8192, 4096, done)), null);
    assert.is(await outcome((done) => image.writeZeroes(16384, 512, false, done)), null);
    assert.is(await outcome((done) => image.writeZeroes(20480, 4096, true, done)), null);
    assert.is(await outcome((done) => image.flush(done)), null);
    const expected = Buffer.alloc(64 * 1024, 1);
    expected.fill(2, 512, 1536).fill(0, 8192, 12288).fill(0, 16384, 16896).fill(0, 20480, 24576);
    assert.ok(expected.equals(await read(image, 0, 64 * 1024)));
    assert.ok(expected.equals(readFileSync(path)));
    assert.ok(expected.subarray(512, 2048).equals(await read(image, 512, 1536)));
    image.close();
  });

  test(`${how}: writes of single sectors beside one another do not disturb each other`, async () => {
    const image = open({ direct });
    const sectors = Array.from({ length: 64 }, (_, index) => index);
    const write = (index: number) => outcome((done) => image.write(index * 512, fill(512, index + 1), done));
    assert.ok((await Promise.all(sectors.map(write))).every((error) => error === null));
    const bytes = await read(image, 0, 64 * 512);
    for (const index of sectors) {
      assert.ok(isAll(bytes.subarray(index * 512, index * 512 + 512), index + 1), `sector ${index}`);
    }
    image.close();
  });

  test(`${how}: a file that has become shorter reads as zeros, and grows again when it is written`, async () => {
    const image = open({ direct });
    await outcome((done) => image.write(0, fill(64 * 1024, 1), done));
    truncateSync(path, 32 * 1024);
    const bytes = await read(image, 0, 64 * 1024);
    assert.ok(isAll(bytes.subarray(0, 32 * 1024), 1) && isAll(bytes.subarray(32 * 1024), 0));
    assert.is(await outcome((done) => image.write(60 * 1024, fill(4096, 3), done)), null);
    assert.ok(isAll(await read(image, 60 * 1024, 4096), 3));
    image.close();
  });
}

test('gives at once what the page cache has, and no more', async () => {
  const image = open();
  await outcome((done) => image.write(0, fill(64 * 1024, 7), done));
  const parts = [new Uint8Array(100), new Uint8Array(412)];
  assert.ok(image.readNow(1024, parts, 512));
  for (const part of parts) assert.ok(isAll(part, 7));
  truncateSync(path, 1024);
  assert.not(image.readNow(1024, parts, 512), 'behind the end');
  image.close();
  const direct = open({ direct: true });
  assert.not(direct.readNow(0, parts, 512));
  direct.close();
});

test('a size that ends inside of a sector counts that sector', async () => {
  writeFileSync(path, fill(1000, 5));
  const image = open();
  assert.is(image.sizeBytes, 1024);
  const bytes = await read(image, 512, 512);
  assert.ok(isAll(bytes.subarray(0, 488), 5) && isAll(bytes.subarray(488), 0));
  image.close();
});

test('errors of the host come by their names', async () => {
  const full = new FileImage(openSync('/dev/full', 'r+'), {
    ...{ path: '/dev/full', isReadOnly: false, direct: false, noFlush: false },
    ...{ isLockable: false, isReceived: false },
  });
  assert.is(await outcome((done) => full.write(0, fill(512, 1), done)), 'ENOSPC');
  full.close();
  const image = open({ readOnly: true });
  assert.is(await outcome((done) => image.write(0, fill(512, 1), done)), 'EBADF');
  assert.ok(image.isReadOnly);
  image.close();
});

test("what cannot be opened is refused in QEMU's words, and what may only be read is when that is allowed", () => {
  const cases: readonly (readonly [Partial<FileNodeOptions>, string])[] = [
    [{ path: '/nonexistent/a.img' }, "Could not open '/nonexistent/a.img': No such file or directory"],
    [{ path: dir.path }, `Could not open '${dir.path}': Is a directory`],
    [
      { driver: 'host_device' },
      `'host_device' driver requires '${path}' to be either a character or block device`,
    ],
    [{ path: '/dev/null' }, "'file' driver requires '/dev/null' to be a regular file"],
  ];
  for (const [options, message] of cases) {
    try {
      open(options).close();
      assert.unreachable(message);
    } catch (error) {
      assert.is((error as Error).message, message);
    }
  }
});

test.run();
