import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Framer, MAX_MESSAGE_BYTES, MAX_NESTING } from '../../../vmm/qmp/framer.js';
import { randomFrom } from '../state/mutate.js';

/** What a framer makes of `chunks`: values, and errors as their text. */
function read(...chunks: (string | Buffer)[]): unknown[] {
  const out: unknown[] = [];
  const framer = new Framer({ value: (value) => out.push(value), error: (error) => out.push(error.message) });
  for (const chunk of chunks) framer.push(Buffer.from(chunk as string));
  return out;
}

const test = suite('QMP framer');

test('reads one value per line, several per line, and one over several lines', () => {
  assert.equal(read('{"a": 1}\r\n'), [{ a: 1 }]);
  assert.equal(read('{"a":1}{"b":2} [3]\n'), [{ a: 1 }, { b: 2 }, [3]]);
  assert.equal(read('{\n "a":\n [1,\n 2]\n}\n'), [{ a: [1, 2] }]);
});

test('needs no newline at the end of an object', () => {
  assert.equal(read('{"execute":"stop"}'), [{ execute: 'stop' }]);
});

test('finds the same values wherever the bytes are cut', () => {
  const text = '{"a":"}{[\\"\\\\"} [1,{"b":"é"}] 42 "s" true\n';
  const expected = [{ a: '}{["\\' }, [1, { b: 'é' }], 42, 's', true];
  const bytes = Buffer.from(text);
  assert.equal(read(bytes), expected);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(read(bytes.subarray(0, cut), bytes.subarray(cut)), expected, `cut at ${cut}`);
  }
  assert.equal(read(...[...bytes].map((byte) => Buffer.of(byte))), expected);
});

test('strings may be in single quotes, wherever the bytes are cut', () => {
  const text = `{'execute':'stop','id':'a"b\\'c\\n}{'} {"a":"it's \\' \\\\"} 'x' ['"']\n`;
  const expected = [{ execute: 'stop', id: `a"b'c\n}{` }, { a: `it's ' \\` }, 'x', ['"']];
  const bytes = Buffer.from(text);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(read(bytes.subarray(0, cut), bytes.subarray(cut)), expected, `cut at ${cut}`);
  }
});

test('rubbish is reported once per word and the next value is read', () => {
  const out = read('foo {"a":1}\n}\n{"b":2}\n');
  assert.match(String(out[0]), /JSON parse error/);
  assert.equal(out[1], { a: 1 });
  assert.match(String(out[2]), /JSON parse error/);
  assert.equal(out[3], { b: 2 });
});

test('an unfinished string ends with its line', () => {
  const out = read('{"execute": "quer\n{"execute": "stop"}\n');
  assert.match(String(out[0]), /control character in string/);
  assert.equal(out[1], { execute: 'stop' });
});

test('braces that do not match are a parse error', () => {
  const out = read('{"a": [1}}\n{"b":2}\n');
  assert.match(String(out[0]), /JSON parse error/);
});

test('bytes that are no UTF-8, and the 0xff that some clients synchronise with, are errors', () => {
  const out = read(
    Buffer.concat([Buffer.of(0xff, 0x0a), Buffer.from('{"a":"'), Buffer.of(0xc3), Buffer.from('"}{}')]),
  );
  assert.is(out.length, 3);
  assert.match(String(out[0]), /invalid UTF-8/);
  assert.match(String(out[1]), /invalid UTF-8/);
  assert.equal(out[2], {});
});

test('a value that is too long is refused once, and its line is dropped', () => {
  const long = Buffer.alloc(10 * MAX_MESSAGE_BYTES, 0x20);
  long[0] = 0x7b;
  const out = read(long, '"x":1}\n{"next":1}\n');
  assert.match(String(out[0]), /size limit/);
  assert.equal(out.slice(1), [{ next: 1 }]);
  const text = `{"a":"${'x'.repeat(MAX_MESSAGE_BYTES - 10)}"}`;
  assert.is(read(text).length, 1);
  assert.type((read(text)[0] as { a: string }).a, 'string');
});

test('deep nesting is refused, nesting up to the limit is read', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}\n`;
  assert.is(Array.isArray(read(nested(MAX_NESTING))[0]), true);
  const out = read(nested(MAX_NESTING + 1), '{"next":1}\n');
  assert.match(String(out[0]), /nesting depth/);
  assert.equal(out.slice(1), [{ next: 1 }]);
});

test('20,000 random lines never throw, and a good line behind them is read', () => {
  const alphabet = '{}[]":,\\ \n\r\t0aeE+-.tfn\u00e9\u0000';
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = randomFrom(seed);
    let text = '';
    for (let length = random(40); length > 0; length--) text += alphabet[random(alphabet.length)];
    // Closes whatever the noise opened: a string by the newline, brackets by so many closing ones.
    const out = read(Buffer.from(`${text}\n"${'\n'}`), '{"good":1}\n');
    const isOpen = JSON.stringify(out.at(-1)) !== '{"good":1}';
    assert.ok(!isOpen || /[{[]/.test(text), `seed ${seed}: ${JSON.stringify(text)}`);
  }
});

test.run();
