/** The transport and its queues, with a device that gives back what it is given, and drivers good and bad. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { VirtioDevice, VirtioHost, VirtioPart } from '../../../../vmm/devices/virtio/device.js';
import { FEATURE_BITS, INDIRECT, NEXT, RAM_BASE, TestDriver, WRITE } from './driver.js';

/** Writes the reverse of what it reads. */
function mirror(): VirtioPart & { requests: number } {
  const part = {
    requests: 0,
    name: 'virtio-mirror',
    deviceId: 42,
    queueSizes: [8, 4],
    features: [3],
    fields: [],
    reset: {},
    create: (host: VirtioHost): VirtioDevice => ({
      notify(index) {
        const queue = host.queues[index];
        for (let chain = queue?.pop(); chain; chain = queue?.pop()) {
          part.requests++;
          const bytes = chain.read(0, chain.readableBytes).reverse();
          queue?.push(chain.head, chain.write(0, bytes));
        }
        host.signal(index);
      },
      resume() {
        for (const index of host.queues.keys()) this.notify(index);
      },
      pause: () => {},
      reset: () => {},
      readConfig: () => 0,
      writeConfig: () => {},
      save: () => ({}),
    }),
  };
  return part;
}

const NEEDS_RESET = 64;
const text = (value: string) => new TextEncoder().encode(value);

function ready(features: readonly number[] = []): TestDriver {
  const driver = new TestDriver(mirror());
  driver.start(features);
  return driver;
}

function exchange(driver: TestDriver, add: 'add' | 'addIndirect'): string {
  const answer = driver.buffer(5, true);
  const head = driver[add](0, [driver.buffer(text('he'), false), driver.buffer(text('llo'), false), answer]);
  driver.notify(0);
  assert.equal(driver.takeUsed(0), [{ head, sizeBytes: 5 }]);
  return new TextDecoder().decode(driver.bytesOf(answer));
}

const transport = suite('virtio-mmio');

transport("says what it is, offers its features and the queues' and no others", () => {
  const driver = new TestDriver(mirror());
  assert.is(driver.read(0x000), 0x74726976);
  assert.is(driver.read(0x004), 2);
  assert.is(driver.read(0x008), 42);
  const offered = [0, 1, 2].map((word) => {
    driver.write(0x014, word);
    return driver.read(0x010);
  });
  assert.equal(offered, [((1 << 3) | (1 << 28) | (1 << 29)) >>> 0, 1, 0]);
  driver.write(0x030, 1);
  assert.is(driver.read(0x034), 4);
  driver.write(0x030, 2);
  assert.is(driver.read(0x034), 0);
});

transport('does not take a driver that knows version 0 only', () => {
  const driver = new TestDriver(mirror());
  driver.status = 3;
  driver.status = 11;
  assert.is(driver.status & 8, 0);
});

transport('gives back requests, direct and indirect, and interrupts', () => {
  const driver = ready([FEATURE_BITS.indirect]);
  assert.is(exchange(driver, 'add'), 'olleh');
  assert.is(driver.line.level, true);
  assert.is(driver.takeInterrupt(), 1);
  assert.is(driver.line.level, false);
  assert.is(exchange(driver, 'addIndirect'), 'olleh');
});

transport('keeps quiet when the driver asks it to, by flag and by event index', () => {
  const driver = ready();
  driver.view.setUint16(0x8000, 1, true);
  exchange(driver, 'add');
  assert.is(driver.line.level, false);
  const other = ready([FEATURE_BITS.eventIndex]);
  exchange(other, 'add');
  assert.is(other.takeInterrupt(), 1);
  other.view.setUint16(0x8000 + 4 + 2 * 8, 2, true); // only after the third
  exchange(other, 'add');
  assert.is(other.line.level, false);
  exchange(other, 'add');
  assert.is(other.takeInterrupt(), 1);
});

transport('tells the driver with event index where it has read to', () => {
  const driver = ready([FEATURE_BITS.eventIndex]);
  exchange(driver, 'add');
  exchange(driver, 'add');
  assert.is(driver.view.getUint16(0xc000 + 4 + 8 * 8, true), 2);
});

transport('goes round its rings more than once, and through streams meanwhile', () => {
  const driver = ready();
  for (let round = 0; round < 50; round++) {
    assert.is(exchange(driver, 'add'), 'olleh');
    driver.migrate();
  }
});

transport('holds requests while it is paused, and does them once when it goes on', () => {
  const driver = ready();
  driver.device.pause();
  const answer = driver.buffer(2, true);
  driver.add(0, [driver.buffer(text('ab'), false), answer]);
  driver.notify(0);
  assert.equal(driver.takeUsed(0), []);
  driver.migrate();
  assert.is(driver.takeUsed(0).length, 1);
  driver.device.resume();
  assert.equal(driver.takeUsed(0), []);
});

transport('an interrupt that was raised is there after a restore', () => {
  const driver = ready();
  exchange(driver, 'add');
  driver.line.level = false;
  driver.migrate();
  assert.is(driver.line.level, true);
});

transport('a transport that was retired changes nothing any more', () => {
  const driver = ready();
  const old = driver.device;
  driver.migrate();
  driver.add(0, [driver.buffer(text('ab'), false), driver.buffer(2, true)]);
  old.write(0x050, 4, 0);
  old.configChanged();
  assert.is(driver.line.level, false);
  assert.equal(driver.takeUsed(0), []);
});

/** Each breaks the rules in its way; the device has to stand, and nothing else may happen. */
const HOSTILE: readonly (readonly [string, (driver: TestDriver) => void])[] = [
  ['a head beyond the queue', (driver) => driver.makeAvailable(0, 8)],
  ['more requests than the queue is long', (driver) => driver.view.setUint16(0x8000 + 2, 9, true)],
  [
    'a chain that loops',
    (driver) => {
      driver.describe(0, 0, { address: RAM_BASE, sizeBytes: 1 }, NEXT, 1);
      driver.describe(0, 1, { address: RAM_BASE, sizeBytes: 1 }, NEXT, 0);
      driver.makeAvailable(0, 0);
    },
  ],
  [
    'a next descriptor beyond the queue',
    (driver) => {
      driver.describe(0, 0, { address: RAM_BASE, sizeBytes: 1 }, NEXT, 200);
      driver.makeAvailable(0, 0);
    },
  ],
  ['a buffer below RAM', (driver) => driver.add(0, [{ address: 0x1000, sizeBytes: 16, isWritable: true }])],
  [
    'a buffer that leaves RAM',
    (driver) => driver.add(0, [{ address: RAM_BASE, sizeBytes: 0xffff_ffff, isWritable: true }]),
  ],
  [
    'an address beyond all numbers',
    (driver) => driver.add(0, [{ address: 2 ** 52, sizeBytes: 16, isWritable: false }]),
  ],
  ['an empty buffer', (driver) => driver.add(0, [{ address: RAM_BASE, sizeBytes: 0, isWritable: true }])],
  [
    'a readable buffer behind a writable one',
    (driver) => driver.add(0, [driver.buffer(4, true), driver.buffer(4, false)]),
  ],
  [
    'an indirect table that is no whole number of descriptors',
    (driver) => {
      driver.describe(0, 0, { address: RAM_BASE, sizeBytes: 17 }, INDIRECT, 0);
      driver.makeAvailable(0, 0);
    },
  ],
  [
    'an indirect table inside of another',
    (driver) => {
      const table = driver.buffer(16, false);
      driver.view.setUint32(table.address - RAM_BASE, table.address, true);
      driver.view.setUint32(table.address - RAM_BASE + 8, 16, true);
      driver.view.setUint16(table.address - RAM_BASE + 12, INDIRECT, true);
      driver.describe(0, 0, table, INDIRECT, 0);
      driver.makeAvailable(0, 0);
    },
  ],
  [
    'an indirect descriptor with a next one',
    (driver) => {
      driver.describe(0, 0, { address: RAM_BASE, sizeBytes: 16 }, INDIRECT | NEXT, 1);
      driver.makeAvailable(0, 0);
    },
  ],
  [
    'an indirect table of more segments than a request may have',
    (driver) => {
      const many = Array.from({ length: 1025 }, () => driver.buffer(1, true));
      driver.addIndirect(0, many);
    },
  ],
];

for (const [name, disturb] of HOSTILE) {
  transport(`${name}: the device needs a reset, and works again after it`, () => {
    const driver = ready([FEATURE_BITS.indirect]);
    disturb(driver);
    driver.notify(0);
    assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
    assert.is(driver.takeInterrupt() & 2, 2);
    assert.equal(driver.takeUsed(0), []);
    assert.is(driver.errors.seen.length, 1);
    driver.migrate();
    driver.notify(0);
    assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
    driver.start();
    assert.is(driver.status, 15);
    assert.is(exchange(driver, 'add'), 'olleh');
  });
}

transport('rings that are not in RAM, or not aligned, make no queue ready', () => {
  for (const [register, value] of [
    [0x080, 0x1000],
    [0x080, RAM_BASE + 8],
    [0x090, RAM_BASE + 1],
    [0x0a0, RAM_BASE + 2],
    [0x0a4, 0xffff_ffff],
  ] as const) {
    const driver = new TestDriver(mirror());
    driver.status = 3;
    driver.write(0x030, 0);
    driver.write(0x038, 8);
    for (const base of [0x080, 0x090, 0x0a0]) driver.write(base, RAM_BASE);
    driver.write(register, value);
    driver.write(0x044, 1);
    assert.is(driver.read(0x044), 0, `register ${register.toString(16)}`);
    assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
  }
});

transport('whatever is written anywhere, reading and saving go on', () => {
  let seed = 7;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  for (let round = 0; round < 200; round++) {
    const driver = ready([FEATURE_BITS.indirect, FEATURE_BITS.eventIndex]);
    for (let step = 0; step < 200; step++) {
      const at = next(3) === 0 ? next(0x20000) : next(128);
      driver.ram[at] = next(256);
      if (next(4) === 0) driver.write(next(64) * 4, next(2) === 0 ? next(16) : next(2 ** 32));
      if (next(8) === 0) driver.device.read(next(0x200), [1, 2, 4][next(3)] as 1 | 2 | 4);
    }
    driver.notify(0);
    driver.migrate();
    driver.start();
    assert.is(exchange(driver, 'add'), 'olleh');
  }
});

transport('a writable flag is what makes a buffer writable', () => {
  const driver = ready();
  driver.describe(0, 0, driver.buffer(text('xy'), false), NEXT, 1);
  const answer = driver.buffer(2, true);
  driver.describe(0, 1, answer, WRITE, 0);
  driver.makeAvailable(0, 0);
  driver.notify(0);
  assert.equal(driver.bytesOf(answer), text('yx'));
  assert.ok(driver.written.some(({ address }) => address === answer.address));
});

transport.run();
