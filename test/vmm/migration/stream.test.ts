import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkStart, decodeStream } from '../../../vmm/migration/decode-stream.js';
import { encodeHead, encodeTail } from '../../../vmm/migration/encode-stream.js';
import type { RunState } from '../../../vmm/run-state.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from '../state/mutate.js';

const SUBJECT = { machineType: 'virt', ram: { name: 'ram0', sizeBytes: 64 * 2 ** 20 } };
/** Device sections are opaque here; these hold bytes that look like the end of a stream. */
const SECTIONS = Uint8Array.from([4, 0, 0, 6, 0, 0, 0, 2, 0x7b, 0x7d, 0, 6, 0, 0, 0, 0, 0x7e]);
const SAVED = { sections: SECTIONS, description: ['{"name":"cpu"}'] };

function encode(stateBefore: RunState = 'running', returnPath = true, subject = SUBJECT): Buffer {
  return Buffer.concat([encodeHead(subject, returnPath), encodeTail(subject, stateBefore, SAVED)]);
}

function decode(bytes: Uint8Array) {
  return decodeStream(bytes, SUBJECT, () => {});
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
  const bytes = encode();
  let wanted = false;
  assert.throws(() =>
    decodeStream(bytes.subarray(0, 40), SUBJECT, () => {
      wanted = true;
    }),
  );
  assert.ok(wanted);
});

test('another machine, RAM block or RAM size is refused by name', () => {
  const other = (subject: typeof SUBJECT) => () => decode(encode('running', true, subject));
  assert.throws(
    other({ ...SUBJECT, machineType: 'q35' }),
    /'configuration'.*received is 'q35', here it is 'virt'/,
  );
  assert.throws(
    other({ ...SUBJECT, ram: { name: 'pc.ram', sizeBytes: 64 * 2 ** 20 } }),
    /'ram'.*block 'pc.ram'/,
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
  assert.throws(() => checkStart(Buffer.from('GET / ')), /not a migration stream.*0x47455420/);
  assert.throws(() => checkStart(Buffer.from('5145564d00000004', 'hex')), /expected version 3, got 4/);
  checkStart(Buffer.from('514556', 'hex'));
  checkStart(Buffer.from('5145564d000000', 'hex'));
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
  const flagsAt = bytes.indexOf('ram0') + 4 + 8;
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

test.run();
