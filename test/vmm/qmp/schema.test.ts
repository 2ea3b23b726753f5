import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMembers, type Members } from '../../../vmm/qmp/schema.js';

const MEMBERS: Members = {
  name: { type: 'str' },
  count: { type: 'int', optional: true },
  on: { type: 'bool', optional: true },
  mode: { type: { enum: ['a', 'b'] }, optional: true },
  list: { type: { array: { struct: { key: { type: 'str' } } } }, optional: true },
  addr: {
    type: {
      tag: 'transport',
      variants: {
        socket: { tag: 'type', variants: { unix: { path: { type: 'str' } } } },
        file: { filename: { type: 'str' } },
      },
    },
    optional: true,
  },
};

function complaint(given: Record<string, unknown>): string {
  try {
    checkMembers(given, MEMBERS);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

const test = suite('QMP argument types');

test('accepts what fits', () => {
  assert.is(complaint({ name: 'x' }), 'none');
  const addr = { transport: 'socket', type: 'unix', path: '/x' };
  assert.is(complaint({ name: 'x', count: 3, on: false, mode: 'b', list: [{ key: 'k' }], addr }), 'none');
  assert.is(complaint({ name: 'x', addr: { transport: 'file', filename: '/x' } }), 'none');
});

test('words its complaints as QEMU does, with the path of the member', () => {
  const socket = { transport: 'socket', type: 'unix' };
  const cases: [Record<string, unknown>, string][] = [
    [{}, "Parameter 'name' is missing"],
    [{ name: 'x', other: 1 }, "Parameter 'other' is unexpected"],
    [{ name: 1 }, "Invalid parameter type for 'name', expected: string"],
    [{ name: null }, "Invalid parameter type for 'name', expected: string"],
    [{ name: 'x', count: 1.5 }, "Invalid parameter type for 'count', expected: integer"],
    [{ name: 'x', on: 1 }, "Invalid parameter type for 'on', expected: boolean"],
    [{ name: 'x', mode: 'c' }, "Parameter 'mode' does not accept value 'c'"],
    [{ name: 'x', mode: 2 }, "Invalid parameter type for 'mode', expected: string"],
    [{ name: 'x', list: {} }, "Invalid parameter type for 'list', expected: array"],
    [{ name: 'x', list: [{ key: 'k' }, {}] }, "Parameter 'list[1].key' is missing"],
    [{ name: 'x', list: [1] }, "Invalid parameter type for 'list[0]', expected: object"],
    [{ name: 'x', addr: 'unix:/x' }, "Invalid parameter type for 'addr', expected: object"],
    [{ name: 'x', addr: {} }, "Parameter 'addr.transport' is missing"],
    [{ name: 'x', addr: { transport: 'rdma' } }, "Parameter 'transport' does not accept value 'rdma'"],
    [{ name: 'x', addr: { transport: 'socket' } }, "Parameter 'addr.type' is missing"],
    [{ name: 'x', addr: socket }, "Parameter 'addr.path' is missing"],
    [{ name: 'x', addr: { ...socket, path: '/x', port: 1 } }, "Parameter 'addr.port' is unexpected"],
  ];
  for (const [given, expected] of cases) assert.is(complaint(given), expected);
});

test('names of Object.prototype are no members and no variants', () => {
  assert.is(complaint(JSON.parse('{"name":"x","__proto__":1}')), "Parameter '__proto__' is unexpected");
  assert.is(complaint({ name: 'x', constructor: 1 }), "Parameter 'constructor' is unexpected");
  assert.match(complaint({ name: 'x', addr: { transport: 'toString' } }), /does not accept value 'toString'/);
});

test.run();
