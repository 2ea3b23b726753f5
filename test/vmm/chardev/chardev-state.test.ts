import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ChardevState,
  describeChardev,
  MAX_BUFFERED_BYTES,
} from '../../../vmm/chardev/chardev-state.js';
import { decodeSections, encodeSections } from '../../../vmm/state/codec.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from '../state/mutate.js';

const test = suite('state of a chardev');

const DESCRIPTION = describeChardev('serial0');
const STATE: ChardevState = {
  unsent: new Uint8Array(Buffer.from('for the client')),
  backlog: new Uint8Array(Buffer.from('for the next one')),
};
const EXPECTED = [{ description: DESCRIPTION, instanceId: 0, isOptional: true }];
const GOOD = Buffer.from(encode(STATE));
const FIELDS_AT = GOOD.indexOf('chardev/serial0') + 'chardev/serial0'.length + 8;

function encode(state: ChardevState): Uint8Array {
  return encodeSections([{ description: DESCRIPTION, instanceId: 0, state }]).bytes;
}

function refusal(bytes: Uint8Array): StreamError {
  try {
    decodeSections(bytes, EXPECTED);
  } catch (error) {
    if (error instanceof StreamError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

test('what is saved is loaded, up to the limit of each buffer', () => {
  const full = new Uint8Array(MAX_BUFFERED_BYTES).fill(7);
  for (const state of [STATE, { unsent: full, backlog: full }, DESCRIPTION.reset]) {
    const loaded = decodeSections(encode(state), EXPECTED).get('chardev/serial0') as ChardevState;
    assert.is(Buffer.compare(loaded.unsent, state.unsent), 0);
    assert.is(Buffer.compare(loaded.backlog, state.backlog), 0);
  }
  assert.throws(
    () => encode({ ...STATE, unsent: new Uint8Array(MAX_BUFFERED_BYTES + 1) }),
    /at most 1048576/,
  );
});

test('a length beyond the limit, or beyond the section, is refused with section, field and offset', () => {
  const backlogAt = FIELDS_AT + 4 + STATE.unsent.length;
  const cases: [at: number, length: number, field: string, offset: number, reason: RegExp][] = [
    [FIELDS_AT, MAX_BUFFERED_BYTES + 1, 'unsent', FIELDS_AT, /at most 1048576 bytes, got 1048577/],
    [FIELDS_AT, 0xffffffff, 'unsent', FIELDS_AT, /at most 1048576 bytes, got 4294967295/],
    [FIELDS_AT, MAX_BUFFERED_BYTES, 'unsent', FIELDS_AT + 4, /cut short/],
    [backlogAt, MAX_BUFFERED_BYTES, 'backlog', backlogAt + 4, /cut short/],
  ];
  for (const [at, length, field, offset, reason] of cases) {
    const damaged = Buffer.from(GOOD);
    damaged.writeUInt32BE(length, at);
    const error = refusal(damaged);
    assert.equal([error.section, error.field, error.offset], ['chardev/serial0', field, offset]);
    assert.match(error.message, reason);
  }
});

test('a length that is too small leaves no footer where one must be', () => {
  const damaged = Buffer.from(GOOD);
  damaged.writeUInt32BE(STATE.backlog.length - 1, FIELDS_AT + 4 + STATE.unsent.length);
  const error = refusal(damaged);
  assert.is(error.section, 'chardev/serial0');
  assert.match(error.message, /expected the footer/);
});

test('a chardev that is not there, and one that comes twice, are refused', () => {
  const other = encodeSections([
    { description: describeChardev('other'), instanceId: 0, state: STATE },
  ]).bytes;
  assert.match(refusal(other).message, /section 'chardev\/other'.*no such device/);
  assert.match(refusal(Buffer.concat([GOOD, GOOD])).message, /comes twice/);
});

test('10,000 mutated sections end in buffers within their limits or a StreamError inside the input', () => {
  let refused = 0;
  for (let seed = 1; seed <= 10_000; seed++) {
    const bytes = mutate(GOOD, seed);
    try {
      const { unsent, backlog } = decodeSections(bytes, EXPECTED).get('chardev/serial0') as ChardevState;
      assert.ok(Math.max(unsent.length, backlog.length) <= bytes.length, `seed ${seed}`);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      assert.ok(error.offset >= 0 && error.offset <= bytes.length, `seed ${seed}: ${error.message}`);
      refused += 1;
    }
  }
  assert.ok(refused > 5000, `${refused} refused`);
});

test.run();
