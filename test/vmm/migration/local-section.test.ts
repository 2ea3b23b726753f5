import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamDecoder } from '../../../vmm/migration/decode-stream.js';
import { encodeHead, encodeTail } from '../../../vmm/migration/encode-stream.js';
import { encodeLocalSection } from '../../../vmm/migration/local-section.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from '../state/mutate.js';

const SUBJECT = {
  ...{ machineType: 'virt', ram: { name: 'ram0', sizeBytes: 64 * 2 ** 20 } },
  ...{ ignoreShared: false, local: true },
};
const SAVED = { sections: Uint8Array.of(4, 0, 0, 6), description: [] };
const ENTRIES = [
  { name: 'netdev/n0', id: 0 },
  { name: 'netdev/n1', id: 3 },
];

function encode(subject = SUBJECT, entries: readonly { name: string; id: number }[] = ENTRIES): Buffer {
  return Buffer.concat([encodeHead(subject, true), encodeTail(subject, 'running', SAVED, entries)]);
}

function decode(bytes: Uint8Array, fds: readonly number[], subject = SUBJECT) {
  const decoder = new StreamDecoder(subject, null);
  decoder.push(Buffer.from(bytes));
  return decoder.finish(fds);
}

const test = suite('descriptors in the main channel');

test('are given the names that the section lists, in its order', () => {
  const { received, stateBefore, sections } = decode(encode(), [11, 12]);
  assert.equal(received, [
    { name: 'netdev/n0', id: 0, fd: 11 },
    { name: 'netdev/n1', id: 3, fd: 12 },
  ]);
  assert.equal([stateBefore, [...sections]], ['running', [4, 0, 0, 6]]);
  assert.equal(decode(encode(SUBJECT, []), []).received, []);
});

test('missing and surplus ones are refused by the section', () => {
  assert.throws(() => decode(encode(), [11]), /'local-descriptors'.*it lists 2 descriptors, 1 came/);
  assert.throws(() => decode(encode(), [11, 12, 13]), /'local-descriptors'.*lists 2 descriptors, 3 came/);
  assert.throws(() => decode(encode(SUBJECT, []), [11]), /'local-descriptors'.*lists 0 descriptors, 1 came/);
});

test('two sides that are not of one mind are told so', () => {
  const plain = { ...SUBJECT, local: false };
  assert.throws(() => decode(encode(plain), []), /'local-descriptors'.*parameter local is on here, and off/);
  assert.throws(
    () => decode(encode(), [], plain),
    /'local-descriptors'.*parameter local is off here, and on/,
  );
});

test('a list that is too long, or none, is refused by the section', () => {
  const section = encodeLocalSection(ENTRIES).bytes;
  const stream = encode();
  const at = stream.indexOf('local-descriptors') - 6;
  assert.equal([...stream.subarray(at, at + section.length)], [...section]);
  const lengthAt = at + 6 + 'local-descriptors'.length + 8;
  const tooLong = Buffer.from(stream);
  tooLong.writeUInt32BE(2 ** 30, lengthAt);
  assert.throws(() => decode(tooLong, []), /'local-descriptors'.*at most 262144 bytes, got 1073741824/);
  const noList = Buffer.from(stream);
  noList.writeUInt32BE(0, lengthAt + 4);
  assert.throws(() => decode(noList, []), /'local-descriptors'.*no CPR stream/);
});

test('every damaged stream is decoded or refused, whatever came with it', () => {
  const good = encode();
  let refused = 0;
  for (let seed = 0; seed < 3000; seed++) {
    try {
      const { received } = decode(mutate(good, seed), [11, 12]);
      assert.is(received.length, 2);
    } catch (error) {
      assert.instance(error, StreamError);
      refused += 1;
    }
  }
  assert.ok(refused > 1000, `${refused} were refused`);
});

test.run();
