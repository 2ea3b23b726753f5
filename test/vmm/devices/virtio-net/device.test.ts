import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_BYTES, OFFLOAD } from '../../../../vmm/devices/virtio-net/backend.js';
import { FEATURE } from '../../../../vmm/devices/virtio-net/features.js';
import { type Buffer as GuestBuffer, TestDriver } from '../virtio/driver.js';
import { ALL_FEATURES, BROADCAST, FakeBackend, frame, MAC, netPart } from './fixtures.js';

const RX = 0;
const TX = 1;
const CTRL = 2;
const CONFIG = 0x100;
const OK = 0;
const ERROR = 1;
const ALL = ALL_FEATURES.map((name) => FEATURE[name]);
const NEEDS_RESET = 64;

interface Stage {
  backend: FakeBackend;
  driver: TestDriver;
  link: ReturnType<typeof netPart>['link'];
}

function stage(features: readonly number[] = ALL, hasHeader = true): Stage {
  const backend = new FakeBackend(hasHeader);
  const part = netPart(backend);
  const driver = new TestDriver(part);
  driver.start(features);
  return { backend, driver, link: part.link };
}

function without(...names: (keyof typeof FEATURE)[]): number[] {
  return ALL.filter((bit) => !names.some((name) => FEATURE[name] === bit));
}

function giveBuffers(driver: TestDriver, count: number, sizeBytes: number): Map<number, GuestBuffer> {
  const buffers = new Map<number, GuestBuffer>();
  for (let index = 0; index < count; index++) {
    const buffer = driver.buffer(sizeBytes, true);
    buffers.set(driver.add(RX, [buffer]), buffer);
  }
  driver.notify(RX);
  return buffers;
}

/** Bytes of the frames that were received, merged as their headers say. */
function received(driver: TestDriver, buffers: ReadonlyMap<number, GuestBuffer>): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let pieces: Uint8Array[] = [];
  let wanted = 0;
  for (const { head, sizeBytes } of driver.takeUsed(RX)) {
    const buffer = buffers.get(head);
    assert.ok(buffer !== undefined && sizeBytes <= buffer.sizeBytes);
    const bytes = driver.bytesOf(buffer).subarray(0, sizeBytes);
    if (pieces.length === 0) wanted = (bytes[10] ?? 0) | ((bytes[11] ?? 0) << 8);
    pieces.push(bytes);
    if (pieces.length < wanted) continue;
    const whole = new Uint8Array(Buffer.concat(pieces));
    whole[10] = 0;
    whole[11] = 0;
    frames.push(whole);
    pieces = [];
  }
  assert.is(pieces.length, 0, 'a frame has fewer buffers than its header says');
  return frames;
}

function command(driver: TestDriver, ...bytes: number[]): number {
  const status = driver.buffer(1, true);
  driver.add(CTRL, [driver.buffer(Uint8Array.from(bytes), false), status]);
  driver.notify(CTRL);
  const [used] = driver.takeUsed(CTRL);
  assert.is(used?.sizeBytes, 1);
  return driver.bytesOf(status)[0] ?? -1;
}

const test = suite('virtio-net');

test('its configuration is the address, the link and one pair of queues', () => {
  const { driver } = stage();
  const bytes = Array.from({ length: 12 }, (_, at) => driver.device.read(CONFIG + at, 1));
  assert.equal(bytes, [...MAC, 1, 0, 1, 0, 0, 0]);
  assert.is(driver.device.read(CONFIG + 6, 2), 1);
  assert.is(driver.device.read(CONFIG + 64, 4), 0);
});

test('it offers what needs a header only where the backend has headers', () => {
  const bare = netPart(new FakeBackend(false)).features;
  const full = netPart(new FakeBackend(true)).features;
  assert.equal(
    full,
    [...ALL].sort((a, b) => a - b),
  );
  for (const name of ['csum', 'guestCsum', 'guestTso4', 'hostTso6', 'hostUso'] as const) {
    assert.not.ok(bare.includes(FEATURE[name]), name);
  }
  for (const name of ['mac', 'mrgRxbuf', 'ctrlVq', 'ctrlGuestOffloads', 'status'] as const) {
    assert.ok(bare.includes(FEATURE[name]), name);
  }
});

for (const hasHeader of [true, false]) {
  test(`frames pass both ways, ${hasHeader ? 'with' : 'without'} headers behind the device`, () => {
    const { backend, driver } = stage(ALL, hasHeader);
    const sent = frame(1, 100);
    driver.add(TX, [
      driver.buffer(sent.subarray(0, HEADER_BYTES), false),
      driver.buffer(sent.subarray(HEADER_BYTES), false),
    ]);
    driver.notify(TX);
    assert.equal([...(backend.sent[0] ?? [])], [...(hasHeader ? sent : sent.subarray(HEADER_BYTES))]);
    assert.equal(
      driver.takeUsed(TX).map(({ sizeBytes }) => sizeBytes),
      [0],
    );
    const buffers = giveBuffers(driver, 4, 1526);
    backend.arrive(frame(2, 60, { withHeader: hasHeader }), frame(3, 1514, { withHeader: hasHeader }));
    assert.equal(received(driver, buffers), [frame(2, 60), frame(3, 1514)]);
    assert.is(driver.takeInterrupt() & 1, 1);
  });
}

test('a long frame takes as many buffers as it needs, and a driver without merging gets what fits one', () => {
  const merging = stage();
  const buffers = giveBuffers(merging.driver, 60, 1526);
  merging.backend.arrive(frame(1, 65_000));
  assert.equal(received(merging.driver, buffers), [frame(1, 65_000)]);
  const plain = stage(without('mrgRxbuf'));
  const one = giveBuffers(plain.driver, 3, 1526);
  plain.backend.arrive(frame(1, 3000), frame(2, 1000));
  assert.equal(received(plain.driver, one), [frame(2, 1000)]);
  assert.is(plain.link.dropped, 1);
});

test('a frame waits in the backend until there are buffers for all of it', () => {
  const { backend, driver } = stage();
  backend.arrive(frame(1, 500));
  assert.equal([backend.waiting.length, backend.isReading], [1, false]);
  const first = giveBuffers(driver, 1, 200);
  assert.equal([backend.waiting.length, driver.takeUsed(RX).length], [1, 0]);
  const more = giveBuffers(driver, 2, 200);
  assert.equal(received(driver, new Map([...first, ...more])), [frame(1, 500)]);
  assert.equal([backend.waiting.length, backend.isReading], [0, false]);
});

test('a frame that more buffers than the queue has could not hold is dropped', () => {
  const { backend, driver, link } = stage();
  driver.start(ALL, 4);
  const buffers = giveBuffers(driver, 4, 64);
  backend.arrive(frame(1, 1000), frame(2, 60));
  assert.is(link.dropped, 1);
  assert.equal(received(driver, buffers), [frame(2, 60)]);
});

test('nothing is read or sent while the machine stands, and all of it after', () => {
  const { backend, driver } = stage();
  const buffers = giveBuffers(driver, 4, 1526);
  driver.device.pause();
  backend.arrive(frame(1, 100));
  driver.add(TX, [driver.buffer(frame(2, 100), false)]);
  driver.notify(TX);
  assert.equal([backend.waiting.length, backend.sent.length], [1, 0]);
  driver.device.resume();
  assert.equal(received(driver, buffers), [frame(1, 100)]);
  assert.is(backend.sent.length, 1);
  assert.is(backend.misuses, 0);
});

test('a backend without room gets the frames later, each once and in order', () => {
  const { backend, driver } = stage();
  backend.room = 2;
  for (let number = 0; number < 6; number++) driver.add(TX, [driver.buffer(frame(number, 60), false)]);
  driver.notify(TX);
  assert.equal([backend.sent.length, backend.awaitsRoom], [2, true]);
  driver.notify(TX);
  driver.migrate();
  backend.room = 1;
  backend.turn();
  backend.room = 10;
  backend.turn();
  assert.equal(
    backend.sent.map((sent) => [...sent]),
    Array.from({ length: 6 }, (_, number) => [...frame(number, 60)]),
  );
  assert.is(driver.takeUsed(TX).length, 6);
});

test('more than a turn of frames goes in several turns', () => {
  const { backend, driver } = stage();
  for (let number = 0; number < 8; number++) {
    driver.add(TX, [driver.buffer(frame(number, 65_000), false)]);
  }
  driver.notify(TX);
  assert.ok(backend.sent.length < 8 && backend.awaitsRoom);
  backend.turn();
  assert.is(backend.sent.length, 8);
});

test('frames that are too short, too long or have no header are dropped and counted', () => {
  const { backend, driver, link } = stage();
  driver.add(TX, [driver.buffer(8, false)]);
  driver.add(TX, [driver.buffer(HEADER_BYTES + 13, false)]);
  driver.add(TX, [driver.buffer(70_000, false)]);
  driver.add(TX, [driver.buffer(frame(1, 60), false)]);
  driver.notify(TX);
  assert.equal([backend.sent.length, link.dropped, driver.takeUsed(TX).length], [1, 3, 4]);
  giveBuffers(driver, 2, 1526);
  backend.arrive(new Uint8Array(20));
  assert.equal([driver.takeUsed(RX).length, link.dropped], [0, 4]);
});

test('a receive buffer without room for a header breaks the device until its reset', () => {
  const { backend, driver } = stage();
  giveBuffers(driver, 1, 8);
  backend.arrive(frame(1, 60));
  assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
  driver.start(ALL);
  const buffers = giveBuffers(driver, 1, 1526);
  backend.arrive(frame(2, 60));
  assert.equal(received(driver, buffers), [frame(2, 60)]);
});

test('filters: modes, addresses and VLANs', () => {
  const { backend, driver } = stage();
  const group = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
  const other = Uint8Array.of(0x52, 0x54, 0, 0, 0, 9);
  const passes = (to: Uint8Array, change: (bytes: Uint8Array) => void = () => {}) => {
    const buffers = giveBuffers(driver, 1, 1526);
    const bytes = frame(1, 60, { to });
    change(bytes);
    backend.arrive(bytes);
    const isThere = received(driver, buffers).length === 1;
    if (!isThere) driver.start(ALL);
    return isThere;
  };
  const quiet = () => assert.is(command(driver, 0, 0, 0), OK);
  assert.ok(passes(other), 'promiscuous at first');
  quiet();
  assert.ok(passes(MAC));
  assert.ok(passes(BROADCAST));
  assert.not.ok(passes(other));
  quiet();
  assert.not.ok(passes(group));
  assert.is(command(driver, 1, 0, 1, 0, 0, 0, ...other, 1, 0, 0, 0, ...group), OK);
  quiet();
  assert.ok(passes(other));
  assert.ok(passes(group));
  assert.is(command(driver, 0, 4, 1), OK);
  assert.not.ok(passes(MAC));
  quiet();
  assert.is(command(driver, 1, 1, ...other), OK);
  assert.not.ok(passes(MAC));
  quiet();
  const tagged = (bytes: Uint8Array) => bytes.set([0x81, 0, 0x20, 7], HEADER_BYTES + 12);
  assert.not.ok(passes(MAC, tagged));
  quiet();
  assert.is(command(driver, 2, 0, 7, 0), OK);
  assert.ok(passes(MAC, tagged));
  assert.is(command(driver, 2, 1, 7, 0), OK);
  assert.not.ok(passes(MAC, tagged));
});

test('commands that make no sense change nothing and are refused', () => {
  const { driver } = stage();
  for (const bytes of [
    [],
    [0],
    [0, 9, 1],
    [0, 0],
    [0, 0, 1, 1],
    [1, 0, 1, 0, 0, 0],
    [1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    [1, 1, 1, 2, 3],
    [1, 7, 1, 2, 3, 4, 5, 6],
    [2, 0, 0xff, 0xff],
    [3, 1],
    [4, 0, 2, 0],
    [5, 0, 1],
    [5, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [77, 0],
  ]) {
    if (bytes.length > 0) assert.is(command(driver, ...bytes), ERROR, bytes.join(' '));
  }
  assert.is(command(driver, 0, 0, 0), OK);
});

test('a table of too many addresses stands for all of its kind', () => {
  const { backend, driver } = stage();
  assert.is(command(driver, 0, 0, 0), OK);
  const many = Array.from({ length: 65 }, (_, index) => [2, 0, 0, 0, 1, index]).flat();
  assert.is(command(driver, 1, 0, 65, 0, 0, 0, ...many, 0, 0, 0, 0), OK);
  const buffers = giveBuffers(driver, 2, 1526);
  backend.arrive(frame(1, 60, { to: Uint8Array.of(2, 9, 9, 9, 9, 9) }));
  assert.is(received(driver, buffers).length, 1);
});

test('offloads are what the driver accepted, then what it asks for, across a hand-over', () => {
  const { backend, driver } = stage();
  assert.is(backend.offloads, 127);
  assert.is(command(driver, 5, 0, 0b10, 0, 0, 0, 0, 0, 0, 0), OK);
  assert.is(backend.offloads, OFFLOAD.csum);
  backend.offloads = -1;
  driver.migrate();
  assert.is(backend.offloads, OFFLOAD.csum);
  driver.start(without('guestTso4'));
  assert.is(backend.offloads, 127 & ~OFFLOAD.tso4);
  assert.is(command(driver, 5, 0, 0x80, 0, 0, 0, 0, 0, 0, 0), ERROR, 'what it did not accept');
});

test('link: the driver is told, frames are dropped while it is down, and it travels', () => {
  const { backend, driver, link } = stage();
  giveBuffers(driver, 2, 1526);
  driver.takeInterrupt();
  link.set(false);
  assert.is(driver.takeInterrupt() & 2, 2);
  assert.is(driver.device.read(CONFIG + 6, 2), 0);
  backend.arrive(frame(1, 60));
  driver.add(TX, [driver.buffer(frame(2, 60), false)]);
  driver.notify(TX);
  assert.equal([backend.sent.length, backend.waiting.length, link.dropped], [0, 0, 2]);
  link.isUp = true;
  const state = driver.device.save();
  assert.is(state.link_down, false);
  link.isUp = false;
  driver.migrate();
  assert.is(driver.device.read(CONFIG + 6, 2), 0);
  link.set(true);
  assert.is(driver.device.read(CONFIG + 6, 2), 1);
});

test('filters, address and tables survive a hand-over', () => {
  const { backend, driver, link } = stage();
  command(driver, 0, 0, 0);
  command(driver, 1, 1, 2, 4, 6, 8, 10, 12);
  command(driver, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 7, 0, 0, 0, 0);
  command(driver, 2, 0, 9, 0);
  const before = link.filter;
  driver.migrate();
  assert.equal(link.filter, before);
  const buffers = giveBuffers(driver, 4, 1526);
  backend.arrive(frame(1, 60), frame(2, 60, { to: Uint8Array.of(2, 4, 6, 8, 10, 12) }));
  assert.equal(received(driver, buffers), [frame(2, 60, { to: Uint8Array.of(2, 4, 6, 8, 10, 12) })]);
});

test('a guest that comes to a new backend is asked to say where it is; one whose backend came along is not', () => {
  const kept = stage();
  kept.driver.migrate();
  assert.is(kept.driver.device.read(CONFIG + 6, 2), 1);
  const moved = stage();
  moved.backend.isNewHere = true;
  moved.driver.migrate();
  assert.is(moved.driver.device.read(CONFIG + 6, 2), 3);
  assert.is(moved.driver.takeInterrupt() & 2, 2);
  assert.is(command(moved.driver, 3, 0), OK);
  assert.is(moved.driver.device.read(CONFIG + 6, 2), 1);
});

test('a random mix of traffic, pauses and hand-overs gives every frame once and in order', () => {
  let seed = 12345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const { backend, driver } = stage();
  const buffers = new Map<number, GuestBuffer>();
  const expected: Uint8Array[] = [];
  const got: Uint8Array[] = [];
  const sent: Uint8Array[] = [];
  let spare = 0;
  for (let step = 0; step < 400; step++) {
    const what = random(6);
    if (what <= 1 && buffers.size + spare < 200) {
      for (const [head, buffer] of giveBuffers(driver, 1 + random(3), 300)) buffers.set(head, buffer);
      spare += 3;
    }
    if (what === 2) {
      const next = frame(expected.length, 60 + random(700));
      expected.push(next);
      backend.arrive(next);
    }
    if (what === 3 && sent.length < 120) {
      const next = frame(sent.length + 1000, 60 + random(700));
      sent.push(next);
      driver.add(TX, [driver.buffer(next, false)]);
      driver.notify(TX);
    }
    if (what === 4) driver.migrate();
    if (what === 5) backend.room = random(3);
    backend.turn();
  }
  backend.room = Number.POSITIVE_INFINITY;
  backend.turn();
  got.push(...received(driver, buffers));
  assert.equal(got, expected.slice(0, got.length));
  assert.is(got.length + backend.waiting.length, expected.length);
  assert.equal(
    backend.sent.map((bytes) => [...bytes]),
    sent.map((bytes) => [...bytes]),
  );
  assert.is(backend.misuses, 0);
});

test.run();
