/** A network device behind vhost-user as its driver sees it, with a backend that lives in the test. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VhostUserNet } from '../../../../vmm/devices/vhost-user-net/device.js';
import { FEATURE, type FeatureName } from '../../../../vmm/devices/virtio-net/features.js';
import { FakeBackend } from '../vhost-user/ring-backend.js';
import { TestDriver } from '../virtio/driver.js';

const { mac: MAC, status: STATUS, mrgRxbuf: MRG_RXBUF, csum: CSUM, ctrlVq: CTRL_VQ } = FEATURE;
const [INDIRECT, EVENT_IDX, VERSION_1] = [28, 29, 32];
const [RECEIVE, TRANSMIT] = [0, 1];
/** What passt offers of virtio's own: merged buffers. */
const FACTS = { features: [1 << MRG_RXBUF, 1], config: new Uint8Array() } as const;
const WANTED: readonly FeatureName[] = [
  'mac',
  'status',
  'mrgRxbuf',
  'csum',
  'ctrlVq',
  'ctrlRx',
  'guestAnnounce',
];
const OPTIONS = {
  mac: Uint8Array.of(2, 0, 0, 0, 0, 7),
  features: new Set(WANTED),
  rxQueueSize: 256,
  txQueueSize: 256,
  mtu: 0,
};

function ready(backend = new FakeBackend(FACTS)) {
  const device = new VhostUserNet(OPTIONS, backend);
  const driver = new TestDriver(device.part);
  backend.driver = driver;
  driver.start([MAC, STATUS, MRG_RXBUF]);
  return { backend, device, driver };
}

function offered(driver: TestDriver): number[] {
  const bits: number[] = [];
  for (const word of [0, 1]) {
    driver.write(0x014, word);
    const features = driver.read(0x010);
    for (let bit = 0; bit < 32; bit++) if (((features >>> bit) & 1) !== 0) bits.push(32 * word + bit);
  }
  return bits;
}

const test = suite('vhost-user-net');

test('offers what both sides know, and of the transport only what the backend knows', () => {
  assert.equal(offered(ready().driver), [MAC, MRG_RXBUF, STATUS, VERSION_1]);
  const able = new FakeBackend({
    features: [((1 << CSUM) | (1 << CTRL_VQ) | (1 << INDIRECT) | (1 << EVENT_IDX)) >>> 0, 1],
    config: new Uint8Array(),
  });
  assert.equal(offered(ready(able).driver), [CSUM, MAC, STATUS, INDIRECT, EVENT_IDX, VERSION_1]);
});

test('a backend of before virtio 1 is refused', () => {
  const old = new FakeBackend({ features: [1 << MRG_RXBUF, 0], config: new Uint8Array() });
  assert.throws(() => new VhostUserNet(OPTIONS, old), /virtio feature 32/);
});

test('starts both rings with what the driver and the backend agree on, and passes both ways on', () => {
  const { backend, driver } = ready();
  assert.equal(backend.take(), [`start ${1 << MRG_RXBUF} 1 0@0 1@0`]);
  driver.add(TRANSMIT, [driver.buffer(74, false)]);
  driver.notify(TRANSMIT);
  assert.equal(backend.take(), ['kick 1']);
  backend.user?.called();
  assert.is(driver.takeInterrupt(), 1);
});

test('its address and link are its own', () => {
  const { device, driver } = ready();
  const bytes = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => driver.device.read(0x100 + from + at, 1));
  assert.equal(bytes(0, 8), [2, 0, 0, 0, 0, 7, 1, 0]);
  device.link.set(false);
  assert.is(driver.takeInterrupt(), 2);
  assert.equal(bytes(6, 2), [0, 0]);
});

test('hands over with buffers waiting in a ring, and goes on with them, known by the state alone', async () => {
  const { backend, device, driver } = ready();
  for (let count = 0; count < 3; count++) driver.add(RECEIVE, [driver.buffer(1526, true)]);
  driver.notify(RECEIVE);
  device.link.set(false);
  driver.device.pause();
  await device.drain();
  assert.is(backend.take().at(-1), 'stop');
  backend.facts = null;
  driver.migrate();
  assert.match(backend.take().join(), /^start 32768 1 0@3 1@0$/);
  assert.is(driver.device.read(0x106, 1), 0, 'the link is still down');
  assert.equal(offered(driver), [MAC, MRG_RXBUF, STATUS, VERSION_1]);
});

test('a backend that is gone breaks the device and not the machine', () => {
  const { backend, driver } = ready();
  backend.broken = 'it is gone';
  backend.user?.broke('it is gone');
  assert.is(driver.status & 64, 64);
});

test.run();
