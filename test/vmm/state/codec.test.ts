import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeSections,
  encodeSections,
  FIRST_DEVICE_SECTION_ID,
  sectionKey,
} from '../../../vmm/state/codec.js';
import type { StateDescription } from '../../../vmm/state/description.js';
import { StreamError } from '../../../vmm/state/stream-error.js';
import { mutate } from './mutate.js';

interface TimerState {
  readonly clockNs: bigint;
  readonly delta: bigint;
  readonly armed: boolean;
  readonly level: number;
  readonly bias: number;
  readonly port: number;
  readonly fifo: Uint8Array;
  readonly registers: readonly bigint[];
  readonly levels: readonly number[];
  readonly extra: number;
  readonly hostNs: bigint;
  readonly unsent: Uint8Array;
}

const RESET: TimerState = {
  clockNs: 0n,
  delta: 0n,
  armed: false,
  level: 0,
  bias: 0,
  port: 0,
  fifo: new Uint8Array(4),
  registers: [0n, 0n],
  levels: [0, 0, 0],
  extra: 7,
  hostNs: 0n,
  unsent: new Uint8Array(0),
};

const TIMER: StateDescription<TimerState> = {
  name: 'timer',
  version: 2,
  minimumVersion: 1,
  fields: [
    { name: 'clockNs', type: 'uint64' },
    { name: 'delta', type: 'int64' },
    { name: 'armed', type: 'bool' },
    { name: 'level', type: 'uint8' },
    { name: 'bias', type: 'int32' },
    { name: 'port', type: 'uint16' },
    { name: 'fifo', type: 'buffer', count: 4 },
    { name: 'registers', type: 'uint64', count: 2 },
    { name: 'levels', type: 'uint32', count: 3 },
    { name: 'extra', type: 'uint32', sinceVersion: 2 },
  ],
  subsections: [
    {
      name: 'timer/hand-over',
      version: 1,
      fields: [{ name: 'hostNs', type: 'uint64' }],
      needed: (state) => state.hostNs !== 0n,
    },
    {
      name: 'timer/unsent',
      version: 1,
      fields: [{ name: 'unsent', type: 'vbuffer', count: 8 }],
      needed: (state) => state.unsent.length > 0,
    },
  ],
  reset: RESET,
  validate: (state) => (state.level > 9 ? `level: expected at most 9, got ${state.level}` : null),
};

const SAMPLE: TimerState = {
  clockNs: 0x0123456789abcdefn,
  delta: -5n,
  armed: true,
  level: 3,
  bias: -2,
  port: 0xbeef,
  fifo: Uint8Array.of(1, 2, 3, 4),
  registers: [1n, 0xffffffffffffffffn],
  levels: [1, 2, 0xffffffff],
  extra: 11,
  hostNs: 99n,
  unsent: Uint8Array.of(7, 8),
};

const EXPECTED = [{ description: TIMER, instanceId: 0 }];

function encode(state: TimerState = SAMPLE, description: StateDescription<TimerState> = TIMER): Uint8Array {
  return encodeSections([{ description, instanceId: 0, state }]).bytes;
}

function refusal(bytes: Uint8Array): StreamError {
  try {
    decodeSections(bytes, EXPECTED);
  } catch (error) {
    assert.instance(error, StreamError);
    return error as StreamError;
  }
  throw new Error('expected the bytes to be refused');
}

/** Offsets in the encoded sample: header is 1 + 4 + 1 + 5 + 4 + 4 bytes. */
const VERSION_AT = 15;
const FIELDS_AT = 19;

const test = suite('state codec');

test('decoding what was encoded gives an equal state and fresh arrays', () => {
  const state = decodeSections(encode(), EXPECTED).get('timer') as TimerState;
  assert.equal(state, SAMPLE);
  assert.is.not(state.fifo, SAMPLE.fifo);
  const again = decodeSections(encode(), EXPECTED).get('timer') as TimerState;
  assert.is.not(again.registers, state.registers);
});

test('a section has QEMU framing: start, name, instance, version, big-endian fields, footer', () => {
  const bytes = Buffer.from(encode());
  const head = Buffer.from([4, 0, 0, 0, FIRST_DEVICE_SECTION_ID, 5, ...Buffer.from('timer')]);
  assert.equal(bytes.subarray(0, 11), head);
  assert.is(bytes.readUInt32BE(11), 0);
  assert.is(bytes.readUInt32BE(VERSION_AT), 2);
  assert.is(bytes.readBigUInt64BE(FIELDS_AT), SAMPLE.clockNs);
  assert.equal(bytes.subarray(-5), Buffer.from([0x7e, 0, 0, 0, FIRST_DEVICE_SECTION_ID]));
});

test('encoding twice gives the same bytes and leaves the state alone', () => {
  const before = structuredClone(SAMPLE);
  assert.equal(encode(), encode());
  assert.equal(SAMPLE, before);
});

test('a subsection that is not needed is absent, and its fields take their reset values', () => {
  const bytes = encode({ ...SAMPLE, hostNs: 0n });
  assert.is(Buffer.from(bytes).includes('timer/hand-over'), false);
  assert.is((decodeSections(bytes, EXPECTED).get('timer') as TimerState).hostNs, 0n);
});

test('an older version is read, and fields it lacks take their reset values', () => {
  const older: StateDescription<TimerState> = {
    ...TIMER,
    version: 1,
    fields: TIMER.fields.filter((field) => field.sinceVersion === undefined),
  };
  const state = decodeSections(encode(SAMPLE, older), EXPECTED).get('timer') as TimerState;
  assert.is(state.extra, RESET.extra);
  assert.is(state.clockNs, SAMPLE.clockNs);
});

test('versions above and below what the description allows are refused by name', () => {
  for (const version of [0, 3, 0xffffffff]) {
    const bytes = Buffer.from(encode());
    bytes.writeUInt32BE(version, VERSION_AT);
    const error = refusal(bytes);
    assert.is(error.section, 'timer');
    assert.is(error.offset, VERSION_AT);
    assert.match(error.message, `expected version 1 to 2, got ${version}`);
  }
});

test('a cut stream names section, field and offset at every length', () => {
  const bytes = encode();
  for (let length = 1; length < bytes.length; length++) {
    const error = refusal(bytes.subarray(0, length));
    assert.ok(error.offset <= length, `offset ${error.offset} of ${length}`);
  }
  const error = refusal(bytes.subarray(0, FIELDS_AT + 3));
  assert.is(error.field, 'clockNs');
  assert.is(error.offset, FIELDS_AT);
});

test('an empty stream lacks the section', () => {
  assert.match(refusal(new Uint8Array(0)).message, /'timer'.*ends without this section/);
});

test('bytes of variable length go with their number before them, and are described as they are', () => {
  for (const text of ['a', 'bcdefghi', 'jk']) {
    const unsent = new Uint8Array(Buffer.from(text));
    const { bytes, description } = encodeSections([
      { description: TIMER, instanceId: 0, state: { ...RESET, unsent } },
    ]);
    const lengthAt = Buffer.from(bytes).indexOf('timer/unsent') + 'timer/unsent'.length + 4;
    assert.is(Buffer.from(bytes).readUInt32BE(lengthAt), text.length);
    const expected = [{ description: TIMER, instanceId: 0 }];
    assert.equal((decodeSections(bytes, expected).get('timer') as TimerState).unsent, unsent);
    const [{ fields }] = JSON.parse(description[0] ?? '').subsections;
    assert.equal(fields, [
      { name: 'unsent_size', type: 'uint32', size: 4 },
      { name: 'unsent', type: 'buffer', size: text.length },
    ]);
    for (const claimed of [9, 0x7fff_ffff, 0xffff_ffff]) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt32BE(claimed, lengthAt);
      const words = new RegExp(
        `'timer/unsent', field 'unsent', offset ${lengthAt}: expected at most 8 bytes, got ${claimed}`,
      );
      assert.throws(() => decodeSections(damaged, expected), words);
    }
  }
  const tooLong = { ...RESET, unsent: new Uint8Array(9) };
  assert.throws(
    () => encodeSections([{ description: TIMER, instanceId: 0, state: tooLong }]),
    /'timer\/unsent', field 'unsent': expected at most 8 bytes, got 9 bytes/,
  );
});

test('a state of any size is encoded, wherever the writer has to grow', () => {
  const count = 1024 * 1024;
  const field = { name: 'data', type: 'vbuffer', count } as const;
  const tail = { name: 'tail', type: 'uint64', count: 3000 } as const;
  const big: StateDescription<{ data: Uint8Array; tail: bigint[] }> = {
    ...{ name: 'big', version: 1, minimumVersion: 1, fields: [field, tail] },
    reset: { data: new Uint8Array(0), tail: [] },
  };
  for (const sizeBytes of [0, 16_000, 16_384, count]) {
    const data = Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251);
    const state = { data, tail: Array.from({ length: 3000 }, (_, at) => BigInt(at)) };
    const section = { description: big, instanceId: 0, state };
    const decoded = decodeSections(encodeSections([section]).bytes, [section]).get('big') as typeof state;
    assert.is(Buffer.compare(decoded.data, data), 0);
    assert.equal(decoded.tail, state.tail);
  }
});

test('an optional section that is missing has the state of reset, in arrays of its own', () => {
  const expected = [{ description: TIMER, instanceId: 0, isOptional: true }];
  const state = decodeSections(new Uint8Array(0), expected).get('timer') as TimerState;
  assert.equal(state, RESET);
  assert.is.not(state.fifo, RESET.fifo);
});

test('a boolean other than 0 and 1 is refused with the field', () => {
  const bytes = Buffer.from(encode());
  bytes[FIELDS_AT + 16] = 2;
  const error = refusal(bytes);
  assert.is(error.field, 'armed');
  assert.is(error.offset, FIELDS_AT + 16);
});

test('what the description calls invalid is refused', () => {
  assert.match(refusal(encode({ ...SAMPLE, level: 10 })).message, /level: expected at most 9, got 10/);
});

test('an unknown section, a doubled section and a doubled id are refused', () => {
  const other = encodeSections([{ description: { ...TIMER, name: 'other' }, instanceId: 0, state: SAMPLE }]);
  assert.match(refusal(other.bytes).message, /'other'.*unknown section/);
  const second = encodeSections([{ description: TIMER, instanceId: 1, state: SAMPLE }]);
  assert.match(refusal(second.bytes).message, /unknown section \(instance 1\)/);
  assert.match(refusal(Buffer.concat([encode(), encode()])).message, /comes twice/);
  const both = [
    { description: TIMER, instanceId: 0 },
    { description: TIMER, instanceId: 1 },
  ];
  assert.throws(() => decodeSections(Buffer.concat([encode(), second.bytes]), both), /id 3 is used twice/);
});

test('instances of one device are told apart, in any order', () => {
  const one = encodeSections([{ description: TIMER, instanceId: 1, state: { ...SAMPLE, level: 1 } }], 8);
  const states = decodeSections(Buffer.concat([one.bytes, encode()]), [
    { description: TIMER, instanceId: 0 },
    { description: TIMER, instanceId: 1 },
  ]);
  assert.is((states.get('timer') as TimerState).level, SAMPLE.level);
  assert.is((states.get(sectionKey('timer', 1)) as TimerState).level, 1);
});

test('an unknown and a doubled subsection are refused', () => {
  const stranger: StateDescription<TimerState> = {
    ...TIMER,
    subsections: [{ name: 'timer/new', version: 1, fields: [], needed: () => true }],
  };
  assert.match(refusal(encode(SAMPLE, stranger)).message, /'timer'.*unknown subsection 'timer\/new'/);
  const [subsection] = TIMER.subsections ?? [];
  assert.ok(subsection);
  const doubled = { ...TIMER, subsections: [subsection, subsection] };
  assert.match(refusal(encode(SAMPLE, doubled)).message, /subsection 'timer\/hand-over' comes twice/);
});

test('a wrong footer, a missing footer and left-over bytes are refused', () => {
  const bytes = Buffer.from(encode());
  const wrongId = Buffer.from(bytes);
  wrongId[wrongId.length - 1] = 9;
  assert.match(refusal(wrongId).message, /expected the footer of section 3, got 9/);
  const wrongMark = Buffer.from(bytes);
  wrongMark[wrongMark.length - 5] = 0x11;
  assert.match(refusal(wrongMark).message, /'timer'.*expected the footer/);
  assert.match(refusal(Buffer.concat([bytes, Buffer.of(0)])).message, /expected the start of a section/);
});

test('a value its type cannot hold is not encoded, and the field is named', () => {
  const cases: [Partial<Record<keyof TimerState, unknown>>, RegExp][] = [
    [{ level: 256 }, /'timer', field 'level'/],
    [{ level: 1.5 }, /field 'level': expected an integer/],
    [{ clockNs: 5 }, /field 'clockNs': expected a bigint of 64 bits/],
    [{ clockNs: -1n }, /field 'clockNs'/],
    [{ armed: 1 }, /field 'armed': expected a boolean/],
    [{ fifo: new Uint8Array(3) }, /field 'fifo': expected 4 bytes, got 3 bytes/],
    [{ registers: [1n] }, /field 'registers': expected an array of 2, got an array of 1/],
    [{ bias: undefined }, /field 'bias'/],
  ];
  for (const [change, expected] of cases) {
    assert.throws(() => encode({ ...SAMPLE, ...change } as TimerState), expected);
  }
});

test('the JSON description lists sections, fields, arrays and subsections as QEMU does', () => {
  const { description } = encodeSections([{ description: TIMER, instanceId: 0, state: SAMPLE }]);
  const [timer] = description.map((json) => JSON.parse(json) as Record<string, unknown>);
  assert.is(timer?.name, 'timer');
  assert.is(timer?.vmsd_name, 'timer');
  assert.is(timer?.version, 2);
  const fields = timer?.fields as Record<string, unknown>[];
  assert.equal(fields[0], { name: 'clockNs', type: 'uint64', size: 8 });
  assert.equal(fields[6], { name: 'fifo', type: 'buffer', size: 4 });
  assert.equal(fields[7], { name: 'registers', array_len: 2, type: 'uint64', size: 8 });
  assert.equal(timer?.subsections, [
    {
      vmsd_name: 'timer/hand-over',
      version: 1,
      fields: [{ name: 'hostNs', type: 'uint64', size: 8 }],
    },
    {
      vmsd_name: 'timer/unsent',
      version: 1,
      fields: [
        { name: 'unsent_size', type: 'uint32', size: 4 },
        { name: 'unsent', type: 'buffer', size: 2 },
      ],
    },
  ]);
  assert.is(JSON.stringify(description).includes('undefined'), false);
});

test('20,000 mutated streams end in a checked state or a StreamError inside the input', () => {
  const sections = [
    { description: TIMER, instanceId: 0, state: SAMPLE },
    { description: { ...TIMER, name: 'serial' }, instanceId: 0, state: { ...SAMPLE, hostNs: 0n } },
    { description: TIMER, instanceId: 1, state: { ...SAMPLE, level: 9 } },
  ];
  const good = encodeSections(sections).bytes;
  let refused = 0;
  for (let seed = 1; seed <= 20_000; seed++) {
    const bytes = mutate(good, seed);
    try {
      const states = decodeSections(bytes, sections);
      for (const state of states.values()) assert.ok((state as TimerState).level <= 9, `seed ${seed}`);
      assert.is(states.size, sections.length, `seed ${seed}`);
    } catch (error) {
      assert.instance(error, StreamError, `seed ${seed}: ${String(error)}`);
      assert.ok((error as StreamError).offset <= bytes.length, `seed ${seed}`);
      refused++;
    }
  }
  assert.ok(refused > 5_000 && refused < 20_000, `${refused} refused`);
});

test.run();
