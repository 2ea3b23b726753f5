import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Bus } from '../../../vmm/bus/bus.js';
import { FakeErrors } from '../devices/fixtures.js';

const test = suite('bus');

function setup() {
  const heard: string[] = [];
  const errors = new FakeErrors();
  const device = (name: string) => ({
    read: (offset: number, width: number) => {
      heard.push(`${name} read ${offset} ${width}`);
      return -1;
    },
    write: (offset: number, width: number, value: number) => {
      heard.push(`${name} write ${offset} ${width} ${value}`);
    },
  });
  const bus = new Bus(
    [
      { name: 'b', placement: { base: 0x2000, sizeBytes: 0x10 }, widths: [1], device: device('b') },
      { name: 'a', placement: { base: 0x1000, sizeBytes: 0x1000 }, widths: [4], device: device('a') },
      { name: 'c', placement: { base: 0x8000, sizeBytes: 0x1000 }, widths: [1, 2, 4], device: device('c') },
    ],
    errors,
  );
  return { bus, heard, errors };
}

test('devices see offsets of their own, and values are unsigned', () => {
  const { bus, heard } = setup();
  assert.is(bus.read(0x1004, 4), 0xffff_ffff);
  bus.write(0x2003, 1, 7);
  bus.write(0x8ffc, 4, -2);
  assert.equal(heard, ['a read 4 4', 'b write 3 1 7', 'c write 4092 4 4294967294']);
});

test('only addresses with a device are there', () => {
  const { bus } = setup();
  const there = [0xfff, 0x1000, 0x1fff, 0x2000, 0x200f, 0x2010, 0x7fff, 0x8000, 0x9000];
  assert.equal(
    there.map((address) => bus.isMmio(address)),
    [false, true, true, true, true, false, false, true, false],
  );
});

test('a wrong width, a misaligned access or an empty address reads 0 and is reported', () => {
  const { bus, heard, errors } = setup();
  assert.is(bus.read(0x1000, 1), 0);
  assert.is(bus.read(0x8002, 4), 0);
  assert.is(bus.read(0x100, 4), 0);
  bus.write(0x2000, 4, 1);
  bus.write(0x5000, 4, 1);
  assert.equal(heard, []);
  assert.equal(errors.seen, ['read a 0', 'read c 2', 'read bus 100', 'write b 0 1', 'write bus 5000 1']);
});

test('regions that overlap are refused', () => {
  const device = { read: () => 0, write: () => {} };
  const region = (name: string, base: number) => ({
    name,
    placement: { base, sizeBytes: 0x100 },
    widths: [4] as const,
    device,
  });
  assert.throws(() => new Bus([region('x', 0x180), region('y', 0x100)], new FakeErrors()), /y and x overlap/);
});

test.run();
