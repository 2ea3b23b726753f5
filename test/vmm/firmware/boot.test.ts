import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Boot } from '../../../vmm/firmware/boot.js';
import { checkBootFiles } from '../../../vmm/firmware/check-boot-files.js';
import { parseElf } from '../../../vmm/firmware/elf.js';
import { decodeFdt } from '../../../vmm/firmware/fdt.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { elf } from '../../asm/elf.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const MIB = 2 ** 20;
const RAM_BASE = 0x80000000;
const test = suite<{ dir: TempDir; boots: Boot[] }>('boot');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.boots = [];
});
test.after.each(async ({ dir, boots }) => {
  for (const boot of boots) boot.close();
  await dir.remove();
});

/** `jal x0, 0`: an instruction to start a raw image with. */
const LOOP = Buffer.from([0x6f, 0, 0, 0]);

function image(memoryBytes: number, fileBytes: number): Buffer {
  const bytes = Buffer.alloc(fileBytes, 0xaa);
  bytes.writeUInt32LE(0x0000006f, 0);
  bytes.writeBigUInt64LE(0x200000n, 8);
  bytes.writeBigUInt64LE(BigInt(memoryBytes), 16);
  bytes.write('RISCV\0\0\0', 0x30);
  bytes.write('RSC\x05', 0x38, 'latin1');
  return bytes;
}

function file({ dir }: { dir: TempDir }, name: string, bytes: Uint8Array | string): string {
  const path = join(dir.path, name);
  writeFileSync(path, bytes);
  return path;
}

function load(context: { dir: TempDir; boots: Boot[] }, ...argv: string[]) {
  const options = parseOptions(argv);
  const boot = new Boot(options);
  context.boots.push(boot);
  const ram = new Uint8Array(options.memory.sizeBytes);
  boot.load(ram);
  return { boot, ram };
}

function chosen(blob: Uint8Array) {
  return decodeFdt(blob).children.find(({ name }) => name === 'chosen')?.properties ?? new Map();
}

test('a raw image goes to 2 MiB and starts there, with the tree in a1', (context) => {
  const { boot, ram } = load(context, '-kernel', file(context, 'k', LOOP), '-m', '128M');
  assert.equal(Buffer.from(ram.subarray(2 * MIB, 2 * MIB + 4)), LOOP);
  assert.is(boot.entry.pc, RAM_BASE + 2 * MIB);
  assert.is(boot.entry.a1, RAM_BASE + 126 * MIB);
  decodeFdt(ram.subarray(126 * MIB));
});

test('a Linux Image clears the memory it asks for behind itself', (context) => {
  const kernel = file(context, 'k', image(3 * MIB, 8192));
  const options = parseOptions(['-kernel', kernel, '-m', '64M']);
  const boot = new Boot(options);
  context.boots.push(boot);
  const ram = new Uint8Array(64 * MIB).fill(0xee);
  boot.load(ram);
  assert.is(ram[2 * MIB + 8191], 0xaa);
  assert.is(ram[2 * MIB + 8192], 0);
  assert.is(ram[5 * MIB - 1], 0);
  assert.is(ram[5 * MIB], 0xee);
});

test('an ELF file goes where it says', (context) => {
  const bytes = elf(LOOP, { entry: RAM_BASE + 0x1000, loadAddress: RAM_BASE + 0x1000, user: false });
  const { boot, ram } = load(context, '-bios', 'none', '-kernel', file(context, 'k', bytes), '-m', '64M');
  assert.equal(Buffer.from(ram.subarray(0x1000, 0x1004)), LOOP);
  assert.is(boot.entry.pc, RAM_BASE + 0x1000);
});

test('a position-independent ELF file goes where a raw image would', (context) => {
  const bytes = Buffer.from(elf(LOOP, { entry: 0, loadAddress: 0, user: false }));
  bytes.writeUInt16LE(3, 16);
  const kernel = file(context, 'k', LOOP);
  const { boot, ram } = load(context, '-bios', file(context, 'fw', bytes), '-kernel', kernel, '-m', '64M');
  assert.is(boot.entry.pc, RAM_BASE);
  assert.equal(Buffer.from(ram.subarray(0, 4)), LOOP);
});

test('-bios none starts a raw image at the start of RAM', (context) => {
  const { boot, ram } = load(context, '-bios', 'none', '-kernel', file(context, 'k', LOOP), '-m', '64M');
  assert.is(boot.entry.pc, RAM_BASE);
  assert.equal(Buffer.from(ram.subarray(0, 4)), LOOP);
});

test('firmware starts first and is told about the kernel', (context) => {
  const bios = file(context, 'fw', Buffer.from([0x13, 0, 0, 0]));
  const { boot, ram } = load(context, '-bios', bios, '-kernel', file(context, 'k', LOOP), '-m', '64M');
  assert.is(boot.entry.pc, RAM_BASE);
  assert.is(ram[0], 0x13);
  const rom = Buffer.from(boot.rom);
  assert.is(rom.readUInt32LE(0), 0x00000297);
  assert.is(rom.readBigUInt64LE(24), BigInt(RAM_BASE));
  assert.is(rom.readBigUInt64LE(32), BigInt(boot.entry.a1));
  assert.is(boot.entry.a2, 0x1028);
  assert.equal(
    [0, 8, 16, 24].map((at) => rom.readBigUInt64LE(40 + at)),
    [0x4942534fn, 2n, BigInt(RAM_BASE + 2 * MIB), 1n],
  );
});

test('the initrd lies half-way up a small RAM and chosen says where', (context) => {
  const initrd = file(context, 'i', Buffer.alloc(5000, 7));
  const kernel = file(context, 'k', LOOP);
  const { boot, ram } = load(context, '-kernel', kernel, '-initrd', initrd, '-m', '64M', '-append', 'a b');
  assert.is(ram[34 * MIB], 7);
  assert.is(ram[34 * MIB + 4999], 7);
  const start = Buffer.from(chosen(boot.deviceTree).get('linux,initrd-start') ?? []);
  const end = Buffer.from(chosen(boot.deviceTree).get('linux,initrd-end') ?? []);
  assert.is(start.readBigUInt64BE(), BigInt(RAM_BASE + 34 * MIB));
  assert.is(end.readBigUInt64BE(), BigInt(RAM_BASE + 34 * MIB + 5000));
  assert.is(Buffer.from(chosen(boot.deviceTree).get('bootargs') ?? []).toString(), 'a b\0');
});

test('an initrd is placed behind a kernel that is larger than half of RAM', (context) => {
  const kernel = file(context, 'k', image(40 * MIB, 8192));
  const { ram } = load(context, '-kernel', kernel, '-initrd', file(context, 'i', 'data'), '-m', '64M');
  assert.is(Buffer.from(ram.subarray(42 * MIB, 42 * MIB + 4)).toString(), 'data');
});

test("-dtb FILE is the guest's tree, with the loader's choices in it", (context) => {
  const kernel = file(context, 'k', LOOP);
  const { boot: first } = load(context, '-kernel', kernel, '-m', '64M');
  const dtb = file(context, 'd', first.deviceTree);
  const { boot } = load(context, '-kernel', kernel, '-m', '64M', '-dtb', dtb, '-append', 'mine');
  assert.is(Buffer.from(chosen(boot.deviceTree).get('bootargs') ?? []).toString(), 'mine\0');
});

test('a reset loads what was started even when the file was replaced', (context) => {
  const path = file(context, 'k', LOOP);
  const { boot, ram } = load(context, '-kernel', path, '-m', '64M');
  renameSync(file(context, 'k2', 'something else'), path);
  ram.fill(0xff);
  boot.load(ram);
  assert.equal(Buffer.from(ram.subarray(2 * MIB, 2 * MIB + 4)), LOOP);
});

const NO_KERNELS: readonly (readonly [string, Uint8Array | string, RegExp])[] = [
  ['an empty file', '', /the file is empty/],
  ['text', 'just some text\nand more of it\n', /is no kernel or firmware: it is text/],
  ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /compressed with gzip/],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /compressed with xz/],
  ['an EFI program of another machine', Buffer.from('MZ\x90\0\x03\0', 'latin1'), /EFI program/],
  ['zeros', Buffer.alloc(100), /starts with zeros/],
  ['a cut ELF header', Buffer.from('\x7fELF\x02\x01', 'latin1'), /the ELF header is cut off/],
  ['an ELF file of another machine', foreignElf(), /for ELF machine 62, RISC-V is 243/],
];

function foreignElf(): Uint8Array {
  const bytes = Buffer.from(elf(LOOP, { entry: RAM_BASE, loadAddress: RAM_BASE, user: false }));
  bytes.writeUInt16LE(62, 18);
  return bytes;
}

for (const [what, bytes, expected] of NO_KERNELS) {
  test(`refuses ${what} as a kernel, by option and path`, (context) => {
    const path = file(context, 'k', bytes);
    assert.throws(() => checkBootFiles(parseOptions(['-kernel', path])), expected);
    assert.throws(() => checkBootFiles(parseOptions(['-kernel', path])), new RegExp(`^.*-kernel: '${path}'`));
  });
}

test('refuses files that are not there or are no files', (context) => {
  const path = join(context.dir.path, 'none');
  assert.throws(() => checkBootFiles(parseOptions(['-kernel', path])), /-kernel: cannot open .*ENOENT/);
  mkdirSync(path);
  assert.throws(() => checkBootFiles(parseOptions(['-bios', path])), /-bios: .*not a regular file/);
  const kernel = file(context, 'k', LOOP);
  assert.throws(
    () => checkBootFiles(parseOptions(['-kernel', kernel, '-dtb', kernel])),
    /-dtb: .*wrong magic/,
  );
});

test('refuses what does not fit into RAM, and says what', (context) => {
  const kernel = file(context, 'k', image(100 * MIB, 8192));
  const small = file(context, 's', LOOP);
  const check = (...argv: string[]) => checkBootFiles(parseOptions(argv));
  assert.throws(() => check('-kernel', kernel, '-m', '64M'), /-kernel: the kernel \(.*does not fit into RAM/);
  assert.throws(() => check('-kernel', small, '-m', '1M'), /does not fit into RAM/);
  const initrd = file(context, 'i', Buffer.alloc(29 * MIB, 1));
  assert.throws(
    () => check('-kernel', small, '-initrd', initrd, '-m', '63M'),
    /RAM is too small: initrd .*overlap/,
  );
  const far = elf(LOOP, { entry: 0x1000, loadAddress: 0x1000, user: false });
  assert.throws(() => check('-kernel', file(context, 'f', far)), /the kernel \(0x1000 to .*does not fit/);
});

test('whatever an ELF header says, parsing it gives segments that make sense or a reason', () => {
  const good = Buffer.from(elf(LOOP, { entry: RAM_BASE, loadAddress: RAM_BASE, user: false }));
  for (let at = 4; at < good.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const bytes = Buffer.from(good);
      bytes[at] = value;
      const parsed = parseElf((offset, length) => bytes.subarray(offset, offset + length));
      if ('wrong' in parsed) continue;
      assert.ok(parsed.segments.every(({ fileBytes, memoryBytes }) => fileBytes <= memoryBytes));
    }
  }
});

test('hostile program headers never crash the loader', (context) => {
  const good = Buffer.from(elf(LOOP, { entry: RAM_BASE, loadAddress: RAM_BASE, user: false }));
  const ram = new Uint8Array(8 * MIB);
  const table = Number(good.readBigUInt64LE(32));
  for (const field of [8, 24, 32, 40]) {
    for (const value of [2n ** 64n - 1n, 2n ** 63n, 0x80000000n + 8n * BigInt(MIB) - 2n]) {
      const bytes = Buffer.from(good);
      bytes.writeBigUInt64LE(value, table + field);
      const path = file(context, `k${field}-${value}`, bytes);
      try {
        const boot = new Boot(parseOptions(['-bios', 'none', '-kernel', path, '-m', '8M']));
        boot.load(ram);
        boot.close();
        assert.unreachable(`field ${field} with ${value} was loaded`);
      } catch (error) {
        assert.is((error as Error).name, 'OptionError', String(error));
      }
    }
  }
});

test.run();
