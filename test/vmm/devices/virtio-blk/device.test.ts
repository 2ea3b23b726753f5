/** The block device: requests good and bad, in any order, over resets and hand-overs; with a disk that a test ends. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { virtioState } from '../../../../vmm/devices/virtio/state.js';
import { type VirtioBlkPart, virtioBlk } from '../../../../vmm/devices/virtio-blk/device.js';
import { throughStream } from '../fixtures.js';
import { TestDriver } from '../virtio/driver.js';
import {
  dataOf,
  FakeDisk,
  header,
  OPTIONS,
  PENDING,
  range,
  S,
  SECTOR,
  send,
  statusOf,
  T,
} from './requests.js';

const NEEDS_RESET = 64;
const FLUSH = 9;
const CONFIG_WCE = 11;

interface Stage {
  readonly driver: TestDriver;
  readonly disk: FakeDisk;
}

function stage(options: Partial<typeof OPTIONS> = {}, features = [FLUSH, CONFIG_WCE]): Stage {
  const disk = new FakeDisk(64);
  const part = virtioBlk(disk, { ...OPTIONS, ...options });
  const driver = new TestDriver(part);
  driver.start(features);
  return { driver, disk };
}

const fill = (sectors: number, value: number) => new Uint8Array(sectors * SECTOR).fill(value);

/** Each test of requests is done with a device as it is, and with one restored after everything. */
const WAYS = [
  { name: 'fresh', between: () => {} },
  { name: 'restored', between: ({ driver }: Stage) => driver.migrate() },
];

for (const { name, between } of WAYS) {
  const test = suite(`virtio-blk, ${name}`);

  test('reads what was written', () => {
    const at = stage();
    const { driver, disk } = at;
    const write = send(driver, T.out, 3, fill(2, 7));
    driver.notify(0);
    assert.equal(disk.waiting, [`write ${3 * SECTOR} ${2 * SECTOR}`]);
    assert.is(statusOf(driver, write), PENDING);
    disk.end();
    assert.is(statusOf(driver, write), S.ok);
    assert.equal(driver.takeUsed(0), [{ head: write.head, sizeBytes: 1 }]);
    assert.is(driver.takeInterrupt(), 1);
    between(at);
    const read = send(driver, T.in, 2, 4 * SECTOR);
    driver.notify(0);
    disk.end();
    assert.is(statusOf(driver, read), S.ok);
    assert.equal(driver.takeUsed(0), [{ head: read.head, sizeBytes: 4 * SECTOR + 1 }]);
    const expected = [...fill(1, 0), ...fill(2, 7), ...fill(1, 0)];
    assert.equal([...dataOf(driver, read)], expected);
  });

  test('gives what is at hand in the notification itself, a part of it when it is much', () => {
    const at = stage();
    const { driver, disk } = at;
    disk.hasAtHand = true;
    disk.bytes.fill(9);
    const reads = Array.from({ length: 5 }, () => send(driver, T.in, 0, 32 * SECTOR));
    driver.notify(0);
    assert.is(driver.takeUsed(0).length, 5);
    for (const read of reads) assert.ok(dataOf(driver, read).every((byte) => byte === 9));
    between(at);
    assert.is(disk.turn(), 0);
  });

  test('writes at once what is only to be copied, unless it has to be durable', () => {
    const at = stage();
    const { driver, disk } = at;
    disk.hasAtHand = true;
    const write = send(driver, T.out, 3, fill(2, 7));
    driver.notify(0);
    assert.equal([statusOf(driver, write), disk.log], [S.ok, ['write now 1536 1024']]);
    assert.is(disk.bytes[3 * SECTOR], 7);
    driver.device.write(0x100 + 32, 1, 0);
    between(at);
    send(driver, T.out, 3, fill(2, 8));
    driver.notify(0);
    assert.equal(disk.waiting, ['write 1536 1024']);
  });

  test('requests complete in the order in which the disk ends them', () => {
    const at = stage();
    const { driver, disk } = at;
    const [first, second, third] = [1, 2, 3].map((sector) => send(driver, T.out, sector, fill(1, sector)));
    driver.notify(0);
    disk.end(2);
    disk.end(0);
    disk.end(0);
    const heads = driver.takeUsed(0).map(({ head }) => head);
    assert.equal(heads, [third?.head, first?.head, second?.head]);
    between(at);
    assert.equal([disk.bytes[SECTOR], disk.bytes[2 * SECTOR], disk.bytes[3 * SECTOR]], [1, 2, 3]);
  });

  test('tells its serial number, flushes, discards and writes zeros', () => {
    const at = stage();
    const { driver, disk } = at;
    const id = send(driver, T.id, 0, 20);
    driver.notify(0);
    assert.is(new TextDecoder().decode(dataOf(driver, id).subarray(0, 9)), 'serial-1\0');
    between(at);
    const others = [
      send(driver, T.flush, 0),
      send(driver, T.discard, 0, range(8, 4)),
      send(driver, T.zeroes, 0, range(16, 2)),
      send(driver, T.zeroes, 0, range(18, 2, 1)),
    ];
    driver.notify(0);
    assert.equal(disk.waiting, ['flush', 'discard 4096 2048', 'zeroes 8192 1024', 'zeroes 9216 1024 unmap']);
    disk.endAll();
    assert.equal(
      [id, ...others].map((sent) => statusOf(driver, sent)),
      [0, 0, 0, 0, 0],
    );
  });

  test('what is not on the disk, or not of whole blocks, is an error of the request alone', () => {
    const at = stage({ logicalBlockBytes: 1024, physicalBlockBytes: 4096 });
    const { driver, disk } = at;
    const bad = [
      send(driver, T.in, 64, 1024),
      send(driver, T.in, 62, 2048),
      send(driver, T.out, 1, fill(2, 1)),
      send(driver, T.out, 0, fill(1, 1)),
      send(driver, T.out, 2 ** 40, fill(2, 1)),
      send(driver, T.discard, 0, range(63, 2)),
      send(driver, T.zeroes, 0, range(0, 4194304)),
      send(driver, T.out, 2 ** 53, fill(2, 1)),
    ];
    driver.notify(0);
    assert.equal(
      bad.map((sent) => statusOf(driver, sent)),
      bad.map(() => S.ioError),
    );
    between(at);
    const unsupported = [
      send(driver, T.scsi, 0),
      send(driver, 77, 0),
      send(driver, T.discard, 0, range(0, 2, 1)),
      send(driver, T.zeroes, 0, range(0, 2, 2)),
      send(driver, T.zeroes, 0, new Uint8Array(32)),
      send(driver, T.zeroes - 1, 0, range(0, 2)),
    ];
    driver.notify(0);
    assert.equal(
      unsupported.map((sent) => statusOf(driver, sent)),
      unsupported.map(() => S.unsupported),
    );
    assert.equal(disk.waiting, []);
    assert.is(driver.status & NEEDS_RESET, 0);
  });

  test('a disk that is only read refuses to be written', () => {
    const at = stage();
    const { driver, disk } = at;
    disk.isReadOnly = true;
    between(at);
    const writes = [
      send(driver, T.out, 0, fill(1, 1)),
      send(driver, T.discard, 0, range(0, 1)),
      send(driver, T.zeroes, 0, range(0, 1)),
    ];
    driver.notify(0);
    for (const write of writes) assert.is(statusOf(driver, write), S.ioError);
    assert.equal(disk.waiting, []);
  });

  test('a request without header or status breaks the device, until its reset', () => {
    for (const build of [
      (driver: TestDriver) => driver.add(0, [driver.buffer(header(T.flush), false)]),
      (driver: TestDriver) => driver.add(0, [driver.buffer(1, true)]),
      (driver: TestDriver) =>
        driver.add(0, [driver.buffer(new Uint8Array(8), false), driver.buffer(1, true)]),
      (driver: TestDriver) =>
        driver.add(0, [
          driver.buffer(header(T.discard), false),
          driver.buffer(new Uint8Array(4), false),
          driver.buffer(1, true),
        ]),
    ]) {
      const at = stage();
      const { driver, disk } = at;
      build(driver);
      driver.notify(0);
      assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
      between(at);
      send(driver, T.flush, 0);
      driver.notify(0);
      assert.equal([driver.takeUsed(0), disk.waiting], [[], []]);
      driver.start([FLUSH]);
      const flush = send(driver, T.flush, 0);
      driver.notify(0);
      disk.end();
      assert.is(statusOf(driver, flush), S.ok);
    }
  });

  test('without a write cache what is written is flushed before it is done', () => {
    const at = stage();
    const { driver, disk } = at;
    driver.device.write(0x100 + 32, 1, 0);
    between(at);
    assert.is(driver.device.read(0x100 + 32, 1), 0);
    const write = send(driver, T.out, 0, fill(1, 5));
    driver.notify(0);
    disk.end();
    assert.equal([disk.waiting, statusOf(driver, write)], [['flush'], PENDING]);
    disk.end();
    assert.is(statusOf(driver, write), S.ok);
    driver.reset();
    assert.is(driver.device.read(0x100 + 32, 1), 1);
  });

  test('a driver that does not know of flushes has them made', () => {
    const at = stage({}, []);
    const { driver, disk } = at;
    between(at);
    send(driver, T.out, 0, fill(1, 5));
    driver.notify(0);
    disk.end();
    assert.equal(disk.waiting, ['flush']);
  });

  test('a failed request is reported, or taken for good', () => {
    for (const [action, status] of [
      ['report', S.ioError],
      ['ignore', S.ok],
    ] as const) {
      const at = stage();
      const { driver, disk } = at;
      disk.action = action;
      const sent = [
        send(driver, T.in, 0, SECTOR),
        send(driver, T.out, 0, fill(1, 1)),
        send(driver, T.flush, 0),
      ];
      driver.notify(0);
      for (const error of ['EIO', 'ENOSPC', 'EIO']) disk.end(0, error);
      between(at);
      assert.equal(
        sent.map((request) => statusOf(driver, request)),
        [status, status, status],
      );
      assert.equal(disk.log, ['read failed: EIO', 'write failed: ENOSPC', 'write failed: EIO']);
    }
  });

  test('a request that stopped the VM is tried again when it goes on', () => {
    const at = stage();
    const { driver, disk } = at;
    disk.action = 'stop';
    const writes = [send(driver, T.out, 1, fill(1, 1)), send(driver, T.out, 2, fill(1, 2))];
    driver.notify(0);
    driver.device.pause();
    disk.end(0, 'ENOSPC');
    disk.end(0, 'ENOSPC');
    assert.equal([disk.waiting, driver.takeUsed(0)], [[], []]);
    between(at);
    driver.device.resume();
    assert.equal(disk.waiting, ['write 512 512', 'write 1024 512']);
    disk.endAll();
    assert.equal(
      writes.map((write) => statusOf(driver, write)),
      [S.ok, S.ok],
    );
    assert.equal([disk.bytes[SECTOR], disk.bytes[2 * SECTOR]], [1, 2]);
  });

  test('a reset forgets what is to be tried again', () => {
    const at = stage();
    const { driver, disk } = at;
    disk.action = 'stop';
    send(driver, T.out, 1, fill(1, 1));
    driver.notify(0);
    disk.end(0, 'EIO');
    between(at);
    disk.endAll();
    driver.reset();
    driver.start([FLUSH]);
    assert.equal(disk.waiting, []);
  });

  test.run();
}

const test = suite('virtio-blk');

test('while it stands it takes nothing, and what the disk ends then is given', () => {
  const { driver, disk } = stage();
  const first = send(driver, T.out, 0, fill(1, 1));
  driver.notify(0);
  driver.device.pause();
  send(driver, T.out, 1, fill(1, 1));
  driver.notify(0);
  disk.end();
  assert.equal([disk.waiting, driver.takeUsed(0).length], [[], 1]);
  assert.is(statusOf(driver, first), S.ok);
  driver.device.resume();
  assert.equal(disk.waiting, ['write 512 512']);
});

test('nothing of before a reset has an effect, and the disk has done with it before it hears of more', () => {
  const { driver, disk } = stage();
  const old = [send(driver, T.in, 0, SECTOR), send(driver, T.out, 1, fill(1, 1))];
  driver.notify(0);
  driver.reset();
  driver.start([FLUSH]);
  const ram = driver.ram.slice();
  const next = send(driver, T.out, 1, fill(1, 2));
  driver.notify(0);
  assert.is(disk.waiting.length, 2);
  disk.bytes.fill(3, 0, SECTOR);
  disk.end();
  assert.equal([statusOf(driver, next), disk.waiting], [PENDING, ['write 512 512']]);
  assert.ok(dataOf(driver, old[0] as (typeof old)[0]).every((byte) => byte === 0));
  disk.end();
  assert.equal(disk.waiting, ['write 512 512']);
  disk.end();
  assert.equal(driver.takeUsed(0), [{ head: next.head, sizeBytes: 1 }]);
  assert.is(disk.bytes[SECTOR], 2);
  for (const { status } of old) assert.is(driver.bytesOf(status)[0], PENDING);
  assert.is(ram.length, driver.ram.length);
});

test('another device in its place waits for what is under way, too', () => {
  const { driver, disk } = stage();
  send(driver, T.out, 1, fill(1, 1));
  driver.notify(0);
  driver.migrate();
  send(driver, T.out, 1, fill(1, 2));
  driver.notify(0);
  assert.is(disk.waiting.length, 1);
  disk.end();
  disk.end();
  assert.is(disk.bytes[SECTOR], 2);
});

test('what waits for a disk is bounded', () => {
  const { driver, disk } = stage({ queueSize: 8 });
  for (let count = 0; count < 40; count++) {
    driver.makeAvailable(0, send(driver, T.flush, 0).head);
    driver.notify(0);
  }
  assert.is(disk.waiting.length, 8);
});

test('moves no more than a mebibyte or so at once', () => {
  const disk = new FakeDisk(4096);
  disk.hasAtHand = true;
  const driver = new TestDriver(virtioBlk(disk, OPTIONS));
  driver.start();
  for (let count = 0; count < 5; count++) send(driver, T.in, 0, 512 * 1024);
  driver.notify(0);
  assert.is(driver.takeUsed(0).length, 2);
  driver.takeInterrupt();
  disk.turn();
  assert.is(driver.takeUsed(0).length, 2);
  assert.is(driver.takeInterrupt(), 1);
  driver.device.pause();
  disk.turn();
  assert.is(driver.takeUsed(0).length, 0);
  driver.device.resume();
  assert.is(driver.takeUsed(0).length, 1);
});

test('a new size interrupts the driver', () => {
  const disk = new FakeDisk(8);
  const part: VirtioBlkPart = virtioBlk(disk, OPTIONS);
  const driver = new TestDriver(part);
  driver.start();
  part.resized();
  assert.is(driver.takeInterrupt(), 2);
});

test('a state with descriptors that no queue has is refused', () => {
  const { driver } = stage();
  const description = virtioState(driver.part);
  driver.device.pause();
  const saved = driver.device.save();
  const cases: readonly (readonly [number[], RegExp])[] = [
    [[0, 1, 0], /half/],
    [[0, 64], /up to 63/],
    [Array(2 * 65).fill(0), /at most 64/],
  ];
  for (const [retry, message] of cases) {
    const state = { ...saved, retry: Uint8Array.from(retry) };
    assert.throws(() => throughStream(description, state), message);
  }
});

test('descriptors of a stream that lead nowhere break the device, until its reset', () => {
  const { driver, disk } = stage();
  const original = driver.device;
  const saved = { ...original.save(), retry: Uint8Array.from([0, 5]) };
  original.save = () => saved;
  driver.migrate();
  assert.is(driver.status & NEEDS_RESET, NEEDS_RESET);
  driver.start([FLUSH]);
  const flush = send(driver, T.flush, 0);
  driver.notify(0);
  disk.end();
  assert.is(statusOf(driver, flush), S.ok);
});

test.run();
