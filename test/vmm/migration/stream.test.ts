import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamDecoder } from '../../../vmm/migration/decode-stream.js';
import { encodeHead, encodeTail } from '../../../vmm/migration/encode-stream.js';
import { encodePages } from '../../../vmm/migration/ram-pages.js';
import type { RunState } from '../../../vmm/run-state.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from '../state/mutate.js';

const SUBJECT = { machineType: 'virt', ram: { name: 'ram0', sizeBytes: 64 * 2 ** 20 }, ignoreShared: false };
/** Device sections are opaque here; these hold bytes that look like the end of a stream. */
const SECTIONS = Uint8Array.from([4, 0, 0, 6, 0, 0, 0, 2, 0x7b, 0x7d, 0, 6, 0, 0, 0, 0, 0x7e]);
const SAVED = { sections: SECTIONS, description: ['{"name":"cpu"}'] };

function encode(stateBefore: RunState = 'running', returnPath = true, subject = SUBJECT): Buffer {
  return Buffer.concat([encodeHead(subject, returnPath), encodeTail(subject, stateBefore, SAVED)]);
}

function decode(bytes: Uint8Array) {
  const decoder = new StreamDecoder(SUBJECT, null);
  decoder.push(Buffer.from(bytes));
  return decoder.finish();
}

const test = suite('migration stream');

test('what is encoded is decoded, with the device sections cut out untouched', () => {
  for (const state of ['running', 'paused', 'prelaunch', 'shutdown'] as const) {
    for (const returnPath of [true, false]) {
      const decoded = decode(encode(state, returnPath));
      assert.is(decoded.stateBefore, state);
      assert.is(decoded.wantsReturnPath, returnPath);
      assert.equal(new Uint8Array(decoded.sections), SECTIONS);
    }
  }
});

test('begins and ends as a QEMU stream does', () => {
  const bytes = encode();
  assert.is(bytes.readUInt32BE(0), 0x5145564d);
  assert.is(bytes.readUInt32BE(4), 3);
  assert.is(bytes[8], 7);
  assert.is(bytes.toString('latin1', 13, 17), 'virt');
  const json = JSON.parse(bytes.toString('latin1', bytes.indexOf('{"configuration"'))) as {
    devices: { name: string }[];
  };
  assert.equal(
    json.devices.map(({ name }) => name),
    ['globalstate', 'cpu'],
  );
});

test('a wish for a return path is known before a later error', () => {
  const decoder = new StreamDecoder(SUBJECT, null);
  decoder.push(encode().subarray(0, 40));
  assert.throws(() => decoder.finish(), /'header'.*cut short/);
  assert.ok(decoder.wantsReturnPath);
});

test('another machine, RAM block or RAM size is refused by name', () => {
  const other = (subject: typeof SUBJECT) => () => decode(encode('running', true, subject));
  assert.throws(
    other({ ...SUBJECT, machineType: 'q35' }),
    /'configuration'.*received is 'q35' and local is 'virt'/,
  );
  assert.throws(
    other({ ...SUBJECT, ram: { name: 'pc.ram', sizeBytes: 64 * 2 ** 20 } }),
    /'ram'.*Unknown ramblock "pc.ram"/,
  );
  assert.throws(
    other({ ...SUBJECT, ram: { name: 'ram0', sizeBytes: 4096 } }),
    /has 4096 bytes, here it has 67108864/,
  );
});

test('a source in a state that cannot be handed over is refused', () => {
  for (const state of ['inmigrate', 'postmigrate', 'finish-migrate'] as const) {
    assert.throws(() => decode(encode(state)), /'globalstate'.*expected the source's run state/);
  }
});

test('wrong magic and version are noticed with the first bytes', () => {
  const start = (bytes: Buffer) => new StreamDecoder(SUBJECT, null).push(bytes);
  assert.throws(() => start(Buffer.from('GET / ')), /not a migration stream.*0x47455420/);
  assert.throws(() => start(Buffer.from('5145564d00000004', 'hex')), /expected version 3, got 4/);
  start(Buffer.from('514556', 'hex'));
  start(Buffer.from('5145564d000000', 'hex'));
});

test('a stream cut at any length is refused, as is one with bytes behind its end', () => {
  const saved = { ...SAVED, sections: Uint8Array.of(4, 0, 0, 6, 0) };
  const bytes = Buffer.concat([encodeHead(SUBJECT, true), encodeTail(SUBJECT, 'running', saved)]);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => decode(bytes.subarray(0, length)),
      (error: unknown) => error instanceof StreamError,
      `${length}`,
    );
  }
  assert.throws(() => decode(Buffer.concat([bytes, Buffer.of(0x7d)])), /'end'.*cut short/);
  assert.throws(() => decode(Buffer.concat([bytes, Buffer.of(0)])), /'end'/);
});

test('contents of RAM, unknown commands and other marks are refused with their place', () => {
  const bytes = encode('running', false);
  const contents = Buffer.from(bytes);
  const flagsAt = bytes.indexOf('ram0') + 4 + 8 + 8 + 5 + 5;
  contents.writeBigUInt64BE(0x1008n, flagsAt);
  assert.throws(() => decode(contents), /'ram'.*expected no contents/);
  const command = Buffer.concat([
    bytes.subarray(0, 17),
    Buffer.from('0800090000', 'hex'),
    bytes.subarray(17),
  ]);
  assert.throws(() => decode(command), /'command'.*unknown command 9/);
  const mark = Buffer.from(bytes);
  mark[17] = 0x55;
  assert.throws(() => decode(mark), /'ram'.*expected mark 0x1, got 0x55/);
});

test('the capability x-ignore-shared must be the same on both sides, and travels as QEMU has it', () => {
  const shared = { ...SUBJECT, ignoreShared: true };
  const bytes = encode('running', true, shared);
  const name = Buffer.concat([Buffer.of(0x05, 26), Buffer.from('configuration/capabilities')]);
  const count = Buffer.concat([Buffer.from('00000001000000010'.slice(0, 16), 'hex'), Buffer.of(15)]);
  const expected = Buffer.concat([name, count, Buffer.from('x-ignore-shared')]);
  assert.ok(bytes.subarray(17).subarray(0, expected.length).equals(expected));
  const decoder = new StreamDecoder(shared, null);
  decoder.push(bytes);
  assert.is(decoder.finish().stateBefore, 'running');
  assert.throws(() => decode(bytes), /Capability x-ignore-shared is off, but received capability is on/);
  const off = new StreamDecoder(shared, null);
  assert.throws(() => off.push(encode()), /Capability x-ignore-shared is on, but received capability is off/);
});

const PAGE = 4096;
const SMALL = { ...SUBJECT, ram: { name: 'ram0', sizeBytes: 4 * PAGE } };

/** Four pages: of zeros, of sevens, of zeros, of mixed bytes. */
function smallRam(): Uint8Array {
  const ram = new Uint8Array(new SharedArrayBuffer(4 * PAGE));
  ram.fill(7, PAGE, 2 * PAGE);
  for (let at = 3 * PAGE; at < 4 * PAGE; at++) ram[at] = at * 31;
  return ram;
}

function withPages(pages: readonly Uint8Array[]): Buffer {
  const tail = encodeTail(SMALL, 'paused', SAVED);
  return Buffer.concat([encodeHead(SMALL, false), ...pages, tail]);
}

test('pages of RAM arrive in chunks of any size, and zero pages wipe what was there', () => {
  const counts = { zero: 0, normal: 0 };
  const source = smallRam();
  const bytes = withPages([...encodePages('ram0', source, counts)]);
  assert.equal(counts, { zero: 2, normal: 2 });
  for (const chunkBytes of [1, 7, 4095, 4096, bytes.length]) {
    const ram = new Uint8Array(4 * PAGE).fill(0xee);
    const decoder = new StreamDecoder(SMALL, ram);
    let complete = 0;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      decoder.push(bytes.subarray(at, at + chunkBytes));
      if (decoder.isComplete()) complete++;
    }
    assert.is(complete, 1, 'complete with the last chunk only');
    assert.is(decoder.finish().stateBefore, 'paused');
    assert.ok(Buffer.from(ram).equals(Buffer.from(source)), `chunks of ${chunkBytes}`);
  }
});

function failure(bytes: Buffer): string {
  const decoder = new StreamDecoder(SMALL, new Uint8Array(4 * PAGE));
  try {
    decoder.push(bytes);
    decoder.finish();
  } catch (error) {
    assert.instance(error, StreamError);
    return (error as Error).message;
  }
  throw new Error('expected an error');
}

test('pages that are missing, beyond RAM, of another block or of no kind are refused with their offset', () => {
  const [pages = new Uint8Array()] = [...encodePages('ram0', smallRam(), { zero: 0, normal: 0 })];
  const head = encodeHead(SMALL, false).length;
  assert.match(failure(withPages([])), /'ram', offset \d+: 4 of 4 pages of RAM are missing/);
  assert.match(failure(withPages([pages.subarray(0, 14)])), /3 of 4 pages of RAM are missing/);
  const change = (at: number, byte: number) => {
    const bytes = withPages([pages]);
    bytes[head + at] = byte;
    return failure(bytes);
  };
  assert.match(change(5, 1), new RegExp(`offset ${head}: page 0x10000 is beyond the end of RAM`));
  assert.match(change(7, 0x40), /got flags 0x40/);
  assert.match(change(7, 0x22), /expected the name of the block/);
  assert.match(change(9, 0x21), /unknown RAM block, here it is 'ram0'/);
  assert.match(change(13, 1), /expected a page of zeros/);
  assert.match(failure(withPages([pages.subarray(0, 50)])), /migration stream, section '/);
});

test('10,000 mutated streams end in a decoded head or a StreamError', () => {
  const good = encode();
  let refused = 0;
  for (let seed = 1; seed <= 10_000; seed++) {
    try {
      decode(mutate(good, seed));
    } catch (error) {
      assert.instance(error, StreamError, `seed ${seed}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > 5000, `${refused} refused`);
});

test('3,000 mutated streams with RAM, in two pieces, end in a decoded head or a StreamError', () => {
  const good = withPages([...encodePages('ram0', smallRam(), { zero: 0, normal: 0 })]);
  const ram = new Uint8Array(4 * PAGE);
  let refused = 0;
  for (let seed = 1; seed <= 3000; seed++) {
    const bytes = Buffer.from(mutate(good, seed));
    const cut = (seed * 7919) % bytes.length;
    const decoder = new StreamDecoder(SMALL, ram);
    try {
      decoder.push(bytes.subarray(0, cut));
      decoder.push(bytes.subarray(cut));
      decoder.finish();
    } catch (error) {
      assert.instance(error, StreamError, `seed ${seed}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
});

test.run();
