import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CpioEntry, cpio } from './cpio.js';

const test = suite('cpio writer');

/** A reader of our own, straight from the format's description. */
function read(archive: Uint8Array): { name: string; mode: number; data: Buffer }[] {
  const bytes = Buffer.from(archive);
  const entries = [];
  for (let at = 0; ; ) {
    assert.is(bytes.toString('latin1', at, at + 6), '070701', `magic at ${at}`);
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, sizeBytes, nameBytes] = [field(1), field(6), field(11)];
    const name = bytes.toString('utf8', at + 110, at + 110 + nameBytes - 1);
    assert.is(bytes[at + 110 + nameBytes - 1], 0, 'the name ends with a zero');
    const dataAt = Math.ceil((at + 110 + nameBytes) / 4) * 4;
    if (name === 'TRAILER!!!') return entries;
    entries.push({ name, mode, data: bytes.subarray(dataAt, dataAt + sizeBytes) });
    at = Math.ceil((dataAt + sizeBytes) / 4) * 4;
  }
}

const ENTRIES: CpioEntry[] = [
  { type: 'directory', name: 'bin' },
  { type: 'file', name: 'bin/tool', data: Buffer.from('12345'), mode: 0o755 },
  { type: 'file', name: 'empty', data: new Uint8Array(0) },
  { type: 'symlink', name: 'bin/alias', target: 'tool' },
  { type: 'character-device', name: 'console', major: 5, minor: 1 },
];

test('entries come back with their names, kinds, modes and contents', () => {
  const found = read(cpio(ENTRIES));
  assert.equal(
    found.map(({ name, mode, data }) => [name, mode.toString(8), data.toString()]),
    [
      ['bin', '40755', ''],
      ['bin/tool', '100755', '12345'],
      ['empty', '100644', ''],
      ['bin/alias', '120777', 'tool'],
      ['console', '20600', ''],
    ],
  );
});

test('names and contents of every length modulo four stay aligned', () => {
  const entries = Array.from({ length: 9 }, (_, length): CpioEntry => {
    return { type: 'file', name: 'n'.repeat(length + 1), data: Buffer.alloc(length, 0x41 + length) };
  });
  assert.equal(
    read(cpio(entries)).map(({ data }) => data.toString()),
    entries.map((entry) => (entry.type === 'file' ? Buffer.from(entry.data).toString() : '')),
  );
});

test('an archive is a whole number of blocks, so that another can be appended', () => {
  const archive = cpio(ENTRIES);
  assert.is(archive.length % 512, 0);
  assert.ok(archive.length < 2048);
});

test('the same entries give the same bytes', () => {
  assert.equal(cpio(ENTRIES), cpio(ENTRIES));
});

test('a view into a larger buffer is written, not the buffer', () => {
  const data = Buffer.from('abcdef').subarray(2, 4);
  assert.is(read(cpio([{ type: 'file', name: 'part', data }]))[0]?.data.toString(), 'cd');
});

for (const name of ['', '/etc/passwd', '../up', 'a/../b', 'nul\0']) {
  test(`the name ${JSON.stringify(name)} is refused`, () => {
    assert.throws(() => cpio([{ type: 'directory', name }]), /expected a relative name/);
  });
}

test('a name given twice and a file before its directory are refused', () => {
  assert.throws(() => cpio([ENTRIES[0], ENTRIES[0]] as CpioEntry[]), /"bin" twice/);
  assert.throws(() => cpio([ENTRIES[1]] as CpioEntry[]), /directory of "bin\/tool" before it/);
});

test.run();
