import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  isEvent,
  isGreeting,
  isReply,
  parseRequest,
  parseServerMessage,
  timestampMicros,
} from '../../../vmm/qmp/protocol.js';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 3, "minor": 1, "major": 11}, "package": "Debian"}, "capabilities": ["oob"]}}';

const test = suite('QMP protocol');

test('tells greetings, replies and events apart', () => {
  assert.ok(isGreeting(parseServerMessage(GREETING)));
  const event = parseServerMessage('{"timestamp": {"seconds": 2, "microseconds": 5}, "event": "STOP"}');
  assert.ok(isEvent(event) && timestampMicros(event.timestamp) === 2_000_005);
  for (const text of ['{"return": {}, "id": 1}', '{"error": {"class": "GenericError", "desc": "no"}}']) {
    const reply = parseServerMessage(text);
    assert.ok(isReply(reply) && !isEvent(reply) && !isGreeting(reply));
  }
});

test('refuses what a server cannot mean', () => {
  const wrong = [
    ...['', 'QMP', '[]', '42', 'null', '{}', '{"QMP": {}}', '{"event": "STOP"}', '{"error": "no"}'],
    ...[
      '{"event": 1, "timestamp": {"seconds": 1, "microseconds": 1}}',
      '{"error": {"class": 1, "desc": ""}}',
    ],
  ];
  for (const text of wrong) assert.throws(() => parseServerMessage(text), /expected a QMP/, text);
});

test('keeps the id of a request only when there is one', () => {
  assert.equal(parseRequest({ execute: 'stop' }), { execute: 'stop' });
  assert.equal(parseRequest({ execute: 'stop', id: null, arguments: {} }), {
    execute: 'stop',
    id: null,
    arguments: {},
  });
});

test.run();
