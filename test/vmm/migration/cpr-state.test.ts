import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeCprState, encodeCprState } from '../../../vmm/migration/cpr-state.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from '../state/mutate.js';

const ENTRIES = [
  { name: 'ram0', id: 0 },
  { name: 'cpu-state', id: -1 },
];

function encode(entries = ENTRIES): Uint8Array {
  return Buffer.concat(encodeCprState(entries));
}

const test = suite('CPR state');

test('what is encoded is decoded', () => {
  assert.equal(decodeCprState(encode()), ENTRIES);
  assert.equal(decodeCprState(encode([])), []);
});

test('has the bytes of QEMU 10.0: magic, version, entries with their NUL, an end mark', () => {
  const expected = '5143505200000001' + '01' + '00000005' + '72616d3000' + '00000000' + '00' + '00';
  assert.is(Buffer.from(encode([{ name: 'ram0', id: 0 }])).toString('hex'), expected);
});

test('every piece but the last ends with the byte that carries a descriptor', () => {
  const pieces = encodeCprState(ENTRIES);
  assert.is(pieces.length, ENTRIES.length + 1);
  assert.ok(pieces.every((piece) => piece.at(-1) === 0));
});

test('the empty list of VFIO devices that QEMU 11 adds is accepted, a list with devices is not', () => {
  const subsection = Buffer.concat([
    Buffer.of(5, 21),
    Buffer.from('CprState/vfio devices'),
    Buffer.of(0, 0, 0, 1),
  ]);
  assert.equal(decodeCprState(Buffer.concat([encode(), subsection, Buffer.of(0)])), ENTRIES);
  const withDevice = Buffer.concat([encode(), subsection, Buffer.of(1)]);
  assert.throws(() => decodeCprState(withDevice), /no VFIO devices/);
  const stranger = Buffer.concat([encode(), Buffer.of(5, 1, 0x41)]);
  assert.throws(() => decodeCprState(stranger), /expected the end/);
});

test('left-over bytes, too many entries and wrong names are refused with their place', () => {
  const many = Array.from({ length: 128 }, (_, id) => ({ name: 'x', id }));
  assert.is(decodeCprState(encode(many)).length, 128);
  const full = encode(many);
  const entry = encode([{ name: 'x', id: 0 }]).subarray(8, -1);
  const tooMany = Buffer.concat([full.subarray(0, -1), entry, full.subarray(-1)]);
  assert.throws(() => decodeCprState(tooMany), /at most 128 entries/);
  const noNul = Buffer.from(encode([{ name: 'ram0', id: 0 }]));
  noNul[17] = 0x41;
  assert.throws(() => decodeCprState(noNul), /'cpr descriptors', field 'name'.*one NUL/);
});

test('more descriptors than a target takes, and longer names, are refused before they are sent', () => {
  const many = Array.from({ length: 129 }, (_, id) => ({ name: 'x', id }));
  assert.throws(() => encode(many), /at most 128 descriptors to hand over, got 129/);
  assert.is(decodeCprState(encode([{ name: 'n'.repeat(255), id: 0 }])).length, 1);
  assert.throws(() => encode([{ name: 'n'.repeat(256), id: 0 }]), /names below 256 bytes/);
});

test('5,000 mutated states end in a list or a StreamError', () => {
  const good = encode();
  for (let seed = 1; seed <= 5000; seed++) {
    try {
      assert.ok(decodeCprState(mutate(good, seed)).length <= 128, `seed ${seed}`);
    } catch (error) {
      assert.instance(error, StreamError, `seed ${seed}: ${String(error)}`);
    }
  }
});

test.run();
