/** The entropy device: what a driver asks for is filled, with a limit, and nothing else. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { virtioRng } from '../../../../vmm/devices/virtio-rng/device.js';
import { TestDriver } from '../virtio/driver.js';

const test = suite('virtio-rng');

function ready(take: (sizeBytes: number) => Uint8Array): TestDriver {
  const driver = new TestDriver(virtioRng({ take }));
  driver.start();
  return driver;
}

test('fills all buffers of a request', () => {
  const driver = ready((sizeBytes) => new Uint8Array(sizeBytes).fill(0xa5));
  const buffers = [driver.buffer(10, true), driver.buffer(20, true)];
  const head = driver.add(0, buffers);
  driver.notify(0);
  assert.equal(driver.takeUsed(0), [{ head, sizeBytes: 30 }]);
  for (const buffer of buffers) assert.ok(driver.bytesOf(buffer).every((byte) => byte === 0xa5));
  assert.is(driver.takeInterrupt(), 1);
});

test('gives a part of a request that is too large, and of one that the source cannot fill', () => {
  const asked: number[] = [];
  const driver = ready((sizeBytes) => {
    asked.push(sizeBytes);
    return new Uint8Array(Math.min(sizeBytes, 7));
  });
  driver.add(0, [driver.buffer(1024 * 1024, true)]);
  driver.notify(0);
  assert.equal(asked, [64 * 1024]);
  assert.is(driver.takeUsed(0)[0]?.sizeBytes, 7);
});

test('a request with nothing to fill is given back empty', () => {
  const driver = ready((sizeBytes) => new Uint8Array(sizeBytes));
  const head = driver.add(0, [driver.buffer(8, false)]);
  driver.notify(0);
  assert.equal(driver.takeUsed(0), [{ head, sizeBytes: 0 }]);
});

test.run();
