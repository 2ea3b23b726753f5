import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GuestErrorLog } from '../../../vmm/machine/guest-errors.js';

const test = suite('guest errors');

test('say which device, where and what', () => {
  const lines: string[] = [];
  const errors = new GuestErrorLog((line) => lines.push(line));
  errors.invalidRead('plic', 0x1004);
  errors.invalidWrite('rtc', 0x18, 0xff);
  assert.equal(lines, [
    'guest error: plic: invalid read at offset 0x1004',
    'guest error: rtc: invalid write of 0xff at offset 0x18',
  ]);
});

test('are printed sixteen times, then never again', () => {
  const lines: string[] = [];
  const errors = new GuestErrorLog((line) => lines.push(line));
  for (let count = 0; count < 100_000; count++) errors.invalidRead('uart', count);
  assert.is(lines.length, 17);
  assert.is(lines[16], 'guest error: further ones are not printed');
});

test.run();
