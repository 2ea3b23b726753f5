/** A disk behind vhost-user as its driver sees it, with a backend that lives in the test. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VhostUserBlk } from '../../../../vmm/devices/vhost-user-blk/device.js';
import { FakeBackend } from '../vhost-user/ring-backend.js';
import { RAM_BASE, TestDriver } from '../virtio/driver.js';

const NEEDS_RESET = 64;
const [FLUSH, CONFIG_WCE] = [9, 11];
const OPTIONS = { queues: 1, queueSize: 16, configWce: true, discard: true, writeZeroes: true };

const FACTS = {
  features: [((1 << FLUSH) | (1 << CONFIG_WCE) | (1 << 28) | (1 << 29)) >>> 0, 1],
  config: new Uint8Array(60).fill(3),
} as const;

function ready(backend = new FakeBackend(FACTS)) {
  const device = new VhostUserBlk(OPTIONS, backend);
  const driver = new TestDriver(device.part);
  backend.driver = driver;
  driver.start([FLUSH, CONFIG_WCE, 28, 29]);
  return { backend, device, driver };
}

function request(driver: TestDriver, sizeBytes = 4096) {
  const buffer = driver.buffer(sizeBytes, true);
  driver.add(0, [driver.buffer(16, false), buffer, driver.buffer(1, true)]);
  return buffer;
}

async function handOver({ backend, device, driver }: ReturnType<typeof ready>): Promise<void> {
  driver.device.pause();
  await device.drain();
  backend.take();
  driver.migrate();
}

const test = suite('vhost-user-blk');

test('offers what backend and owner agree on, and shows the disk’s configuration', () => {
  const { driver } = ready();
  driver.write(0x014, 0);
  assert.is(driver.read(0x010), ((1 << FLUSH) | (1 << CONFIG_WCE) | (1 << 28) | (1 << 29)) >>> 0);
  assert.is(driver.device.read(0x100, 1), 3);
  assert.is(driver.device.read(0x122, 2), 1, 'its number of queues is that of the option');
  driver.device.write(0x120, 1, 1);
  assert.is(driver.device.read(0x120, 1), 1);
});

test('a backend without what virtio needs is refused', () => {
  const backend = new FakeBackend(FACTS);
  backend.facts = { features: [1 << 28, 1], config: new Uint8Array(60) };
  assert.throws(() => new VhostUserBlk(OPTIONS, backend), /virtio feature 29/);
});

test('starts with the driver’s features, kicks, and passes interrupts on', () => {
  const { backend, driver } = ready();
  const accepted = ((1 << FLUSH) | (1 << CONFIG_WCE) | (1 << 28) | (1 << 29)) >>> 0;
  assert.equal(backend.take(), [`start ${accepted} 1 0@0`]);
  request(driver);
  driver.notify(0);
  assert.equal(backend.take(), ['kick 0']);
  backend.user?.called();
  assert.is(driver.takeInterrupt(), 1);
});

test('tells the CPU of pages before the backend writes them, and of all when it cannot know', () => {
  const { backend, driver } = ready();
  const buffer = request(driver);
  driver.notify(0);
  assert.ok(driver.written.some(({ address }) => address === buffer.address));
  driver.written.length = 0;
  backend.serve();
  request(driver);
  driver.device.fence();
  assert.is(
    driver.written.some(({ address }) => address === RAM_BASE),
    false,
    'looked before it was used',
  );
  request(driver);
  backend.serve();
  driver.device.fence();
  assert.equal(driver.written.at(-1)?.address, RAM_BASE);
  driver.written.length = 0;
  driver.device.fence();
  assert.equal(driver.written, []);
});

test('hands over with all requests used and rings stopped, and goes on where they were', async () => {
  const setup = ready();
  const { backend, device, driver } = setup;
  request(driver);
  request(driver);
  driver.notify(0);
  driver.device.pause();
  const drained = device.drain();
  let isDrained = false;
  drained.then(() => {
    isDrained = true;
  });
  await backend.turn(5);
  assert.is(isDrained, false);
  backend.take();
  backend.serve();
  await drained;
  assert.equal(backend.take(), ['stop']);
  backend.facts = null; // in the target it is known by the state alone
  driver.migrate();
  assert.match(backend.take().join(), /^start .* 0@2$/);
  assert.is(driver.takeInterrupt() & 1, 1, 'what was not told before is told');
  assert.is(driver.device.read(0x100, 1), 3);
  request(driver);
  driver.notify(0);
  assert.equal(backend.take(), ['kick 0']);
  backend.serve();
  await handOver(setup);
  assert.match(backend.take().join(), /^start .* 0@3$/);
});

test('goes on as it was when nothing was handed over', async () => {
  const { backend, device, driver } = ready();
  backend.take();
  driver.device.pause();
  await device.drain();
  driver.device.resume();
  assert.match(backend.take().join(), /^stop,start .* 0@0$/);
  driver.device.pause();
  driver.device.resume();
  assert.equal(backend.take(), [], 'a pause that is not drained stops nothing');
});

test('the drain of requests that are not used ends in a sentence', async () => {
  const { device, driver } = ready();
  request(driver);
  driver.notify(0);
  driver.device.pause();
  const startedAt = performance.now();
  let message = '';
  await device.drain().catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /requests of the guest under way for more than 5000 ms/);
  assert.ok(performance.now() - startedAt < 10_000);
  driver.device.resume();
  assert.is(driver.status & NEEDS_RESET, 0);
});

test('a backend that does not stop fails the drain, and the rings go on when it has', async () => {
  const { backend, device, driver } = ready();
  backend.isStuck = true;
  driver.device.pause();
  let message = '';
  await device.drain().catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /does not stop/);
  backend.take();
  driver.device.resume();
  assert.equal(backend.take(), []);
});

test('stops at once when the driver resets, and starts again', () => {
  const { backend, driver } = ready();
  backend.take();
  driver.start([28, 29]);
  assert.equal(backend.take()[0], 'stop now');
});

test('a backend that breaks, breaks the device until its reset and after it', () => {
  const { backend, driver } = ready();
  backend.broken = 'it is gone';
  backend.user?.broke('it is gone');
  assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
  request(driver);
  driver.notify(0);
  driver.start([28, 29]);
  assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
});

test('a driver that makes numbers up breaks its device and keeps nobody waiting', async () => {
  const { backend, device, driver } = ready();
  driver.view.setUint16(0x8002, 5000, true);
  driver.notify(0);
  assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
  backend.isStuck = false;
  await device.drain();
});

test.run();
