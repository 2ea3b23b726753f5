/** The entropy device: what a driver asks for is filled, with a limit, and nothing else. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_LIMIT, virtioRng } from '../../../../vmm/devices/virtio-rng/device.js';
import { TestDriver } from '../virtio/driver.js';

const test = suite('virtio-rng');

function ready(take: (sizeBytes: number) => Uint8Array): TestDriver {
  const limit = { maxBytes: NO_LIMIT, periodMs: 1, after: () => assert.unreachable() };
  const driver = new TestDriver(virtioRng({ take }, limit));
  driver.start();
  return driver;
}

/** Of 100 bytes in each period, which a test ends. */
function limited() {
  const timers: (() => void)[] = [];
  const limit = {
    maxBytes: 100,
    periodMs: 1000,
    after: (delayMs: number, work: () => void) => {
      assert.is(delayMs, 1000);
      timers.push(work);
    },
  };
  const driver = new TestDriver(virtioRng({ take: (sizeBytes) => new Uint8Array(sizeBytes) }, limit));
  driver.start();
  return { driver, timers };
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

test('gives so much in a period that begins with a request, and the rest in the next ones', () => {
  const { driver, timers } = limited();
  assert.is(timers.length, 0);
  for (const sizeBytes of [70, 70, 70]) driver.add(0, [driver.buffer(sizeBytes, true)]);
  driver.notify(0);
  const sizes = () => driver.takeUsed(0).map(({ sizeBytes }) => sizeBytes);
  assert.equal([sizes(), timers.length], [[70, 30], 1]);
  driver.notify(0);
  assert.equal([sizes(), timers.length], [[], 1]);
  driver.takeInterrupt();
  timers[0]?.();
  assert.equal([sizes(), timers.length, driver.takeInterrupt()], [[70], 2, 1]);
  timers[1]?.();
  assert.equal([sizes(), timers.length], [[], 2], 'nobody asks: no period begins');
});

test('no stop and no reset ends a period before its time', () => {
  const { driver, timers } = limited();
  driver.add(0, [driver.buffer(100, true)]);
  driver.notify(0);
  assert.is(driver.takeUsed(0).length, 1);
  driver.start();
  driver.add(0, [driver.buffer(40, true)]);
  driver.notify(0);
  driver.device.pause();
  driver.device.resume();
  assert.equal([driver.takeUsed(0), timers.length], [[], 1]);
  driver.device.pause();
  timers[0]?.();
  assert.equal(driver.takeUsed(0), [], 'a machine that stands gets nothing');
  driver.device.resume();
  assert.is(driver.takeUsed(0)[0]?.sizeBytes, 40);
});

test.run();
