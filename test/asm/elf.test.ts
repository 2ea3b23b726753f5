/** The ELF wrapper: fields of the headers as the ELF-64 specification and the RISC-V psABI place them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { elf } from './elf.js';

const test = suite('elf');

test('a user executable is a RISC-V ELF-64 with one loadable piece and a stack that is not executable', () => {
  const file = elf(new Uint8Array([1, 2, 3]), { entry: 0x10004, loadAddress: 0x10000, user: true });
  const view = new DataView(file.buffer);
  assert.is(view.getUint32(0, false), 0x7f454c46);
  assert.is(view.getUint32(4, false), 0x02010100);
  assert.is(view.getUint16(16, true), 2, 'executable');
  assert.is(view.getUint16(18, true), 243, 'RISC-V');
  assert.is(view.getBigUint64(24, true), 0x10004n);
  assert.is(view.getUint16(56, true), 2, 'program headers');
  const stack = 64 + 56;
  assert.is(view.getUint32(stack, true), 0x6474e551);
  assert.is(view.getUint32(stack + 4, true), 6);
});

test('the piece is in the file at its address modulo the page size, as the loader maps it', () => {
  for (const loadAddress of [0x10000, 0x10230, 0x80200000]) {
    const file = elf(new Uint8Array([1, 2, 3]), { entry: loadAddress, loadAddress, user: false });
    const view = new DataView(file.buffer);
    const load = 64;
    assert.is(view.getUint32(load, true), 1);
    assert.is(view.getUint32(load + 4, true), 7);
    const offset = Number(view.getBigUint64(load + 8, true));
    assert.is(offset % 4096, loadAddress % 4096);
    assert.is(view.getBigUint64(load + 16, true), BigInt(loadAddress));
    assert.is(view.getBigUint64(load + 24, true), BigInt(loadAddress));
    assert.is(view.getBigUint64(load + 32, true), 3n);
    assert.equal([...file.subarray(offset)], [1, 2, 3]);
  }
});

test.run();
