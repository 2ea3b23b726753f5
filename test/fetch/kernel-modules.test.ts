import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tempDir } from '../helpers/temp-dir.js';
import { collectModules, moduleDependencies } from './kernel-modules.js';

const test = suite('kernel modules');

/** The smallest ELF object with a `.modinfo` section: header, names, modinfo, three section headers. */
function moduleWith(...fields: string[]): Buffer {
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const modinfo = Buffer.from(fields.map((field) => `${field}\0`).join(''));
  const namesAt = 64;
  const modinfoAt = namesAt + names.length;
  const headersAt = modinfoAt + modinfo.length;
  const elf = Buffer.alloc(headersAt + 3 * 64);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.writeBigUInt64LE(BigInt(headersAt), 0x28);
  elf.writeUInt16LE(64, 0x3a);
  elf.writeUInt16LE(3, 0x3c);
  elf.writeUInt16LE(2, 0x3e);
  names.copy(elf, namesAt);
  modinfo.copy(elf, modinfoAt);
  const section = (index: number, name: number, at: number, sizeBytes: number) => {
    elf.writeUInt32LE(name, headersAt + index * 64);
    elf.writeBigUInt64LE(BigInt(at), headersAt + index * 64 + 24);
    elf.writeBigUInt64LE(BigInt(sizeBytes), headersAt + index * 64 + 32);
  };
  section(1, names.indexOf('.modinfo'), modinfoAt, modinfo.length);
  section(2, names.indexOf('.shstrtab'), namesAt, names.length);
  return elf;
}

test('dependencies are read, with dashes as underscores and soft ones first', () => {
  const module = moduleWith(
    'license=GPL',
    'depends=mbcache,jbd2,net-core',
    'softdep=pre: crc32c xor post: late',
  );
  assert.equal(moduleDependencies(module), ['crc32c', 'xor', 'mbcache', 'jbd2', 'net_core']);
});

test('a module without dependencies has none', () => {
  assert.equal(moduleDependencies(moduleWith('depends=', 'softdep=post: late')), []);
});

test('what is no module is refused', () => {
  assert.throws(() => moduleDependencies(Buffer.from('#!/bin/sh')), /expected a kernel module/);
});

test('modules come in load order, each once, and absent ones are left out', async () => {
  const directory = await tempDir();
  try {
    const modules = {
      ext4: 'jbd2,crc16',
      jbd2: 'crc16',
      crc16: '',
      'virtio-net': 'net_failover',
      loop: 'loop',
    };
    await mkdir(join(directory.path, 'fs/ext4'), { recursive: true });
    for (const [name, depends] of Object.entries(modules)) {
      await writeFile(join(directory.path, 'fs/ext4', `${name}.ko`), moduleWith(`depends=${depends}`));
    }
    const found = await collectModules(
      directory.path,
      ['ext4', 'jbd2', 'virtio_net', 'absent', 'loop'],
      (path) => readFile(path),
    );
    assert.equal(
      found.map(({ name }) => name),
      ['crc16', 'jbd2', 'ext4', 'virtio_net', 'loop'],
    );
  } finally {
    await directory.remove();
  }
});

test.run();
