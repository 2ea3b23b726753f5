import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  closeFd,
  createMemfd,
  discardPages,
  listenUnix,
  mapShared,
  unmapShared,
} from '../../native/index.js';
import { tempDir } from '../helpers/temp-dir.js';
import { nativeError } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const WASM_PAGE_BYTES = 65536;
const SIZE_BYTES = 4 * WASM_PAGE_BYTES;

const memories = {
  'shared memory': () => new WebAssembly.Memory({ initial: 6, maximum: 6, shared: true }),
  'unshared memory': () => new WebAssembly.Memory({ initial: 6, maximum: 6 }),
};

/** A view over the second to fifth page of a new memory. */
function viewOf(memory: WebAssembly.Memory): Uint8Array {
  return new Uint8Array(memory.buffer, WASM_PAGE_BYTES, SIZE_BYTES);
}

function byteAt(fd: number, position: number): number | undefined {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  return byte[0];
}

/** Exports `peek(address)` and `poke(address, value)`: what compiled code sees of memory `m.m`. */
function compiledAccess(memory: WebAssembly.Memory, shared: boolean) {
  const limits = shared ? [3, 6, 6] : [1, 6, 6];
  // biome-ignore format: one section a line
  const code = new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    1, 11, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 0,
    2, 9, 1, 1, 0x6d, 1, 0x6d, 2, ...limits,
    3, 3, 2, 0, 1,
    7, 15, 2, 4, 0x70, 0x65, 0x65, 0x6b, 0, 0, 4, 0x70, 0x6f, 0x6b, 0x65, 0, 1,
    10, 19, 2, 7, 0, 0x20, 0, 0x2d, 0, 0, 0x0b, 9, 0, 0x20, 0, 0x20, 1, 0x3a, 0, 0, 0x0b,
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { m: { m: memory } });
  return instance.exports as unknown as {
    peek(address: number): number;
    poke(address: number, value: number): void;
  };
}

for (const [kind, makeMemory] of Object.entries(memories)) {
  const mapping = suite(`mapping, ${kind}`);

  mapping.after.each(stopPeers);

  mapping('the view is the file, both ways, at the offset, and nothing beside it', () => {
    const memory = makeMemory();
    const view = viewOf(memory);
    const whole = new Uint8Array(memory.buffer).fill(0xaa);
    const fd = createMemfd('ram', SIZE_BYTES + 4096);
    mapShared(view, fd, 4096);
    view[10] = 1;
    writeSync(fd, Buffer.from([2]), 0, 1, 4096 + SIZE_BYTES - 1);
    assert.is(byteAt(fd, 4096 + 10), 1);
    assert.is(view[SIZE_BYTES - 1], 2);
    assert.is(view[0], 0, 'what the view held is gone');
    assert.is(whole[WASM_PAGE_BYTES - 1], 0xaa);
    assert.is(whole[WASM_PAGE_BYTES + SIZE_BYTES], 0xaa);
    closeFd(fd);
  });

  mapping('compiled WebAssembly code reads and writes the file', () => {
    const memory = makeMemory();
    const code = compiledAccess(memory, kind === 'shared memory');
    const fd = createMemfd('ram', SIZE_BYTES);
    mapShared(viewOf(memory), fd, 0);
    code.poke(WASM_PAGE_BYTES + 7, 77);
    writeSync(fd, Buffer.from([88]), 0, 1, 8);
    assert.is(byteAt(fd, 7), 77);
    assert.is(code.peek(WASM_PAGE_BYTES + 8), 88);
    closeFd(fd);
  });

  mapping(
    'discarded pages are zeros here and in the file, whose memory is free, and can be written again',
    () => {
      const memory = makeMemory();
      const view = viewOf(memory).fill(0xaa);
      const fd = createMemfd('ram', SIZE_BYTES);
      mapShared(view, fd, 0);
      view.fill(0xbb);
      const before = fstatSync(fd).blocks;
      discardPages(view.subarray(4096, 3 * 4096));
      assert.is(fstatSync(fd).blocks, before - 16);
      assert.equal([view[4095], view[4096], view[3 * 4096 - 1], view[3 * 4096]], [0xbb, 0, 0, 0xbb]);
      assert.is(byteAt(fd, 4096), 0);
      view[4096] = 7;
      assert.is(byteAt(fd, 4096), 7);
      closeFd(fd);
    },
  );

  mapping('discarded pages of no file are zeros', () => {
    const view = viewOf(makeMemory()).fill(0xaa);
    discardPages(view.subarray(0, 4096));
    assert.equal([view[0], view[4095], view[4096]], [0, 0, 0xaa]);
    for (const wrong of [view.subarray(1, 4097), view.subarray(0, 100)]) {
      assert.is(nativeError(() => discardPages(wrong)).code, 'EINVAL');
    }
    assert.is(nativeError(() => discardPages(new Uint8Array(8192).subarray(0, 4096))).code, 'EINVAL');
  });

  mapping('two memories over one file are one memory; the descriptor may be closed', () => {
    const first = viewOf(makeMemory());
    const second = viewOf(makeMemory());
    const fd = createMemfd('ram', SIZE_BYTES);
    mapShared(first, fd, 0);
    mapShared(second, fd, 0);
    closeFd(fd);
    first[100] = 5;
    assert.is(second[100], 5);
  });

  mapping('unmapShared: zero pages under the view, the file keeps its content', () => {
    const view = viewOf(makeMemory());
    const fd = createMemfd('ram', SIZE_BYTES);
    mapShared(view, fd, 0);
    view[3] = 9;
    unmapShared(view);
    assert.is(view[3], 0);
    view[3] = 1;
    assert.is(byteAt(fd, 3), 9);
    mapShared(view, fd, 0);
    assert.is(view[3], 9);
    closeFd(fd);
  });

  mapping('a part of a mapping can be replaced', () => {
    const view = viewOf(makeMemory());
    const fd = createMemfd('ram', SIZE_BYTES);
    mapShared(view, fd, 0);
    view.fill(1);
    unmapShared(view.subarray(4096, 8192));
    assert.equal([view[4095], view[4096], view[8191], view[8192]], [1, 0, 0, 1]);
    closeFd(fd);
  });

  mapping('address, length and offset that are not whole pages are refused', () => {
    const view = viewOf(makeMemory()).fill(7);
    const fd = createMemfd('ram', SIZE_BYTES);
    const cases: [Uint8Array, number, string][] = [
      [view.subarray(1, 4097), 0, 'must be multiples of the page size 4096'],
      [view.subarray(0, 4095), 0, 'length 4095 must be multiples of the page size'],
      [view.subarray(0, 4096), 1, 'the offset must be a multiple of the page size'],
    ];
    for (const [part, offset, reason] of cases) {
      const error = nativeError(() => mapShared(part, fd, offset));
      assert.is(error.code, 'EINVAL');
      assert.match(error.message, reason);
    }
    assert.match(
      nativeError(() => unmapShared(view.subarray(1, 4097))).message,
      'multiples of the page size',
    );
    assert.ok(view.every((byte) => byte === 7));
    closeFd(fd);
  });

  mapping('a file that is too short is refused: touching what is beyond its end would be SIGBUS', () => {
    const view = viewOf(makeMemory()).fill(7);
    const fd = createMemfd('ram', SIZE_BYTES);
    assert.match(
      nativeError(() => mapShared(view, fd, 4096)).message,
      `the file has ${SIZE_BYTES} bytes, the mapping would end at byte ${SIZE_BYTES + 4096}`,
    );
    ftruncateSync(fd, SIZE_BYTES - 1);
    assert.is(nativeError(() => mapShared(view, fd, 0)).code, 'EINVAL');
    assert.ok(view.every((byte) => byte === 7));
    closeFd(fd);
  });

  mapping('descriptors that cannot be mapped: the view is as it was', async () => {
    const dir = await tempDir();
    const view = viewOf(makeMemory()).fill(7);
    const path = `${dir.path}/file`;
    closeSync(openSync(path, 'w'));
    const readOnly = openSync(path, 'r');
    const socket = listenUnix(`${dir.path}/socket`, 1);
    assert.is(nativeError(() => mapShared(view, 99_999, 0)).code, 'EBADF');
    assert.is(nativeError(() => mapShared(view, socket, 0)).code, 'ENODEV');
    const writable = openSync(path, 'r+');
    ftruncateSync(writable, SIZE_BYTES);
    const error = nativeError(() => mapShared(view, readOnly, 0));
    assert.is(error.code, 'EACCES');
    assert.is(error.syscall, 'mmap');
    assert.match(error.message, `map ${SIZE_BYTES} bytes at offset 0 of descriptor ${readOnly}`);
    assert.ok(view.every((byte) => byte === 7));
    for (const fd of [readOnly, writable]) closeSync(fd);
    closeFd(socket);
    await dir.remove();
  });

  mapping('another process sees each write at once, and its own are seen here', async () => {
    const peer = await Peer.start();
    const theirs = await peer.call<number>('createMemfd', 'ram', SIZE_BYTES);
    await peer.call('mapMemory', kind === 'shared memory', SIZE_BYTES, theirs, 0);
    const ours = openSync(`/proc/${peer.pid}/fd/${theirs}`, 'r+');
    const view = viewOf(makeMemory());
    mapShared(view, ours, 0);
    closeSync(ours);
    await peer.call('poke', 1000, 42);
    assert.is(view[1000], 42);
    view[2000] = 43;
    assert.is(await peer.call('peek', 2000), 43);
    await peer.stop();
    assert.is(view[1000], 42, 'the memory outlives the process that made it');
  });

  mapping.run();
}

const refusals = suite('mapping, refused views');

refusals('buffers that are no WebAssembly memory, also at a page boundary inside them', () => {
  const fd = createMemfd('ram', 4096);
  for (const buffer of [new ArrayBuffer(1 << 20), new SharedArrayBuffer(1 << 20)]) {
    for (let skew = 0; skew < 4096; skew += 16) {
      const view = new Uint8Array(buffer, skew, 4096);
      assert.is(nativeError(() => mapShared(view, fd, 0)).code, 'EINVAL');
    }
  }
  closeFd(fd);
});

refusals('empty views, views of a memory that has grown away, other arrays', () => {
  const fd = createMemfd('ram', 4096);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
  const view = new Uint8Array(memory.buffer);
  memory.grow(1);
  assert.throws(() => mapShared(view, fd, 0), /expected view to have at least one byte/);
  assert.throws(() => unmapShared(new Uint8Array(0)), /expected view to have at least one byte/);
  const words = new Uint16Array(memory.buffer) as unknown as Uint8Array;
  assert.throws(() => mapShared(words, fd, 0), /expected view to be a Uint8Array, got Uint16Array/);
  assert.throws(() => unmapShared(memory.buffer as unknown as Uint8Array), /got ArrayBuffer/);
  closeFd(fd);
});

refusals.run();
