import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Rom } from '../../../vmm/devices/rom.js';
import { TestFinisher } from '../../../vmm/devices/test-finisher.js';
import { EmptyVirtioMmio } from '../../../vmm/devices/virtio/empty-slot.js';
import { FakeErrors } from './fixtures.js';

const test = suite('test finisher, empty virtio slot, ROM');

function finisher() {
  const heard: string[] = [];
  const errors = new FakeErrors();
  const events = {
    finish: (passed: boolean, code: number) => heard.push(`finish ${passed} ${code}`),
    reset: () => heard.push('reset'),
  };
  return { device: new TestFinisher(events, errors), heard, errors };
}

test('0x5555 passes, 0x3333 fails with a code, 0x7777 resets', () => {
  const { device, heard } = finisher();
  device.write(0, 4, 0x5555);
  device.write(0, 4, 0x3333 | (42 << 16));
  device.write(0, 4, 0x7777);
  assert.equal(heard, ['finish true 0', 'finish false 42', 'reset']);
});

test('other values and offsets do nothing and are reported', () => {
  const { device, heard, errors } = finisher();
  device.write(0, 4, 0x1234);
  device.write(4, 4, 0x5555);
  assert.is(device.read(0), 0);
  assert.is(device.read(8), 0);
  assert.equal(heard, []);
  assert.equal(errors.seen, ['write test 0 1234', 'write test 4 5555', 'read test 8']);
});

test('an empty virtio slot says virtio, version 2, no device', () => {
  const slot = new EmptyVirtioMmio();
  assert.equal(
    [0, 4, 8, 12, 0x10, 0x70, 0x100].map((offset) => slot.read(offset)),
    [0x74726976, 2, 0, 0x554d4551, 0, 0, 0],
  );
});

test('ROM reads little-endian at all widths, 0 behind its end, and cannot be written', () => {
  const errors = new FakeErrors();
  const rom = new Rom(Uint8Array.of(0x11, 0x22, 0x33, 0x84, 0x55), errors);
  assert.equal(
    [rom.read(0, 4), rom.read(2, 2), rom.read(4, 4), rom.read(100, 1)],
    [0x84332211, 0x8433, 0x55, 0],
  );
  rom.write(0, 1, 7);
  assert.equal(errors.seen, ['write rom 0 7']);
});

test.run();
