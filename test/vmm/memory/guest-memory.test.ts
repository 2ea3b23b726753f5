import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemfd } from '../../../native/index.js';
import { createGuestMemory, ramOf } from '../../../vmm/memory/guest-memory.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const MIB = 2 ** 20;
const test = suite<{ dir: TempDir }>('guest memory');

test.before.each(async (context) => {
  context.dir = await tempDir();
});
test.after.each(({ dir }) => dir.remove());

function options(...argv: string[]) {
  return parseOptions(['-kernel', 'unused', '-m', '8M', ...argv]);
}

function backend(text: string) {
  return options('-M', 'virt,memory-backend=ram0', '-object', `${text},id=ram0,size=8M`);
}

function firstByte(fd: number, offset: number): number | undefined {
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, offset);
  return byte[0];
}

test('without a backend RAM is private and zero', () => {
  const memory = createGuestMemory(options(), null);
  assert.is(memory.fd, null);
  assert.is(memory.share, false);
  assert.is(memory.backendId, 'riscv_virt_board.ram');
  const ram = ramOf(memory);
  assert.is(ram.length, 8 * MIB);
  assert.ok(ram.every((byte) => byte === 0));
});

test('a memfd backend holds exactly what RAM holds', () => {
  const memory = createGuestMemory(backend('memory-backend-memfd'), null);
  const fd = memory.fd ?? -1;
  assert.is(memory.share, true);
  assert.is(memory.backendId, 'ram0');
  assert.is(fstatSync(fd).size, 8 * MIB);
  ramOf(memory)[5 * MIB] = 77;
  assert.is(firstByte(fd, 5 * MIB), 77);
  closeSync(fd);
});

test('two memories over one descriptor are one RAM', () => {
  const first = createGuestMemory(backend('memory-backend-memfd,prealloc=on'), null);
  ramOf(first)[4096] = 1;
  const second = createGuestMemory(backend('memory-backend-memfd,prealloc=on'), first.fd);
  assert.is(ramOf(second)[4096], 1);
  ramOf(second)[4097] = 2;
  assert.is(ramOf(first)[4097], 2);
  closeSync(first.fd ?? -1);
});

test('a descriptor that was received is mapped even where the options say private', () => {
  const fd = createMemfd('received', 8 * MIB);
  const memory = createGuestMemory(options(), fd);
  assert.is(memory.share, true);
  ramOf(memory)[0] = 9;
  assert.is(firstByte(fd, 0), 9);
  closeSync(fd);
});

test('a descriptor that is too small is refused', () => {
  const fd = createMemfd('small', 4 * MIB);
  assert.throws(() => createGuestMemory(options(), fd), /holds 4194304 bytes, this machine has 8388608/);
  closeSync(fd);
});

test('share=off keeps a memfd backend private', () => {
  const memory = createGuestMemory(backend('memory-backend-memfd,share=off'), null);
  assert.is(memory.fd, null);
  assert.is(memory.share, false);
});

test('a shared file backend is made, sized, and written by the guest', ({ dir }) => {
  const path = join(dir.path, 'ram');
  const memory = createGuestMemory(backend(`memory-backend-file,share=on,mem-path=${path}`), null);
  ramOf(memory).set([1, 2, 3], 4096);
  const bytes = readFileSync(path);
  assert.is(bytes.length, 8 * MIB);
  assert.equal([...bytes.subarray(4096, 4099)], [1, 2, 3]);
  closeSync(memory.fd ?? -1);
});

test('a directory as mem-path gets a file without a name', ({ dir }) => {
  const memory = createGuestMemory(backend(`memory-backend-file,share=on,mem-path=${dir.path}`), null);
  assert.is(fstatSync(memory.fd ?? -1).nlink, 0);
  assert.is(fstatSync(memory.fd ?? -1).size, 8 * MIB);
  closeSync(memory.fd ?? -1);
});

test('a private file backend starts from the file and leaves it alone', ({ dir }) => {
  const path = join(dir.path, 'ram');
  writeFileSync(path, Buffer.alloc(8 * MIB, 6));
  const memory = createGuestMemory(backend(`memory-backend-file,share=off,mem-path=${path}`), null);
  assert.is(ramOf(memory)[8 * MIB - 1], 6);
  ramOf(memory)[0] = 7;
  const fd = openSync(path, 'r');
  assert.is(firstByte(fd, 0), 6);
  closeSync(fd);
});

test('a file that is too small or cannot be opened is refused by name', ({ dir }) => {
  const path = join(dir.path, 'ram');
  writeFileSync(path, 'short');
  for (const share of ['on', 'off']) {
    const text = `memory-backend-file,share=${share},mem-path=${path}`;
    assert.throws(() => createGuestMemory(backend(text), null), /ram0: .*holds 5 bytes, size is 8388608/);
  }
  const missing = backend(`memory-backend-file,share=on,mem-path=${dir.path}/no/where`);
  assert.throws(() => createGuestMemory(missing, null), /ram0: cannot open mem-path: ENOENT/);
});

test.run();
