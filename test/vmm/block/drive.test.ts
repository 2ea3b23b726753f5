/**
 * The device with a real image behind it: generated mixes of requests leave the image, and answer, as a model of it says;
 * with the device restored from its state in between.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Drive, type DriveOptions } from '../../../vmm/block/drive.js';
import type { Image } from '../../../vmm/block/image.js';
import { openImage } from '../../../vmm/block/open-image.js';
import { virtioBlk } from '../../../vmm/devices/virtio-blk/device.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { TestDriver } from '../devices/virtio/driver.js';
import {
  dataOf,
  OPTIONS,
  PENDING,
  range,
  S,
  SECTOR,
  type Sent,
  send,
  statusOf,
  T,
} from '../devices/virtio-blk/requests.js';
import { makeImage } from '../disk-host.js';

const SECTORS = 512;
const STEPS = 400;

let dir: TempDir;
let path: string;

const test = suite('disks');

test.before.each(async () => {
  dir = await tempDir();
  path = makeImage(join(dir.path, 'disk.img'), SECTORS * SECTOR);
});

test.after.each(() => dir.remove());

const POLICY = {
  name: "disk 'test'",
  readErrors: 'report',
  writeErrors: 'enospc',
  isReadOnly: false,
} as const;

function drive(image: Image, options: Partial<DriveOptions> = {}): Drive {
  return new Drive(image, { ...POLICY, unmap: true, failed: () => {}, ...options });
}

function openFile(direct: boolean): Image {
  const base = {
    nodeName: null,
    readOnly: false,
    autoReadOnly: false,
    noFlush: true,
    discard: 'unmap',
  } as const;
  return openImage({ ...base, driver: 'file', path, direct, locking: 'off' }, null);
}

/** The same numbers in each run: a failure can be looked at again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Begun {
  readonly sent: Sent;
  readonly from: number;
  readonly to: number;
  /** Of the whole image, when it is done. */
  apply(model: Buffer): void;
  readonly isRead: boolean;
}

/** One run: requests at sectors that no other request under way touches. */
class Mix {
  readonly #driver: TestDriver;
  readonly #next: (below: number) => number;
  readonly model = Buffer.alloc(SECTORS * SECTOR);
  #begun: Begun[] = [];

  constructor(driver: TestDriver, seed: number) {
    this.#driver = driver;
    this.#next = numbers(seed);
  }

  begin(): void {
    const from = this.#next(SECTORS - 1);
    const sectors = 1 + this.#next(Math.min(this.#next(4) === 0 ? 200 : 16, SECTORS - from));
    const to = from + sectors;
    if (this.#begun.some((other) => from < other.to && other.from < to)) return;
    const [start, end] = [from * SECTOR, to * SECTOR];
    const add = (sent: Sent, isRead: boolean, apply: (model: Buffer) => void) =>
      this.#begun.push({ sent, from, to, isRead, apply });
    switch (this.#next(8)) {
      case 0:
        add(send(this.#driver, T.discard, 0, range(from, sectors)), false, (model) =>
          model.fill(0, start, end),
        );
        break;
      case 1:
        add(send(this.#driver, T.zeroes, 0, range(from, sectors, this.#next(2))), false, (model) =>
          model.fill(0, start, end),
        );
        break;
      case 2:
        add(send(this.#driver, T.flush, 0), false, () => {});
        break;
      case 3:
      case 4:
        add(send(this.#driver, T.in, from, sectors * SECTOR), true, () => {});
        break;
      default: {
        const data = Uint8Array.from({ length: sectors * SECTOR }, () => this.#next(256));
        add(send(this.#driver, T.out, from, data), false, (model) => model.set(data, start));
      }
    }
    if (this.#next(3) > 0) this.#driver.notify(0);
  }

  /** Looks at what is done. */
  take(): void {
    this.#driver.takeUsed(0);
    this.#begun = this.#begun.filter((begun) => {
      const status = statusOf(this.#driver, begun.sent);
      if (status === PENDING) return true;
      assert.is(status, S.ok);
      begun.apply(this.model);
      if (begun.isRead) {
        const expected = this.model.subarray(begun.from * SECTOR, begun.to * SECTOR);
        assert.ok(expected.equals(dataOf(this.#driver, begun.sent)), `sectors ${begun.from} to ${begun.to}`);
      }
      return false;
    });
  }

  get isDone(): boolean {
    this.take();
    return this.underWay === 0;
  }

  get underWay(): number {
    return this.#begun.length;
  }
}

for (const direct of [false, true]) {
  const how = direct ? 'past the page cache' : 'through the page cache';

  test(`${how}: mixes of requests, restored in between, leave the image as the model says`, async () => {
    for (const seed of [1, 2, 3]) {
      makeImage(path, SECTORS * SECTOR);
      const image = openFile(direct);
      const disk = drive(image);
      const driver = new TestDriver(virtioBlk(disk, OPTIONS));
      driver.start([9, 11]);
      const mix = new Mix(driver, seed);
      for (let step = 0; step < STEPS; step++) {
        if (mix.underWay < 12) mix.begin();
        if (step % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        mix.take();
        if (step % 60 !== 59) continue;
        driver.device.pause();
        await disk.drain();
        driver.migrate();
      }
      driver.notify(0);
      await waitFor(() => mix.isDone, { what: 'all requests to be done' });
      assert.ok(mix.model.equals(readFileSync(path)), `seed ${seed}`);
      image.close();
    }
  });
}

/** An image whose operations end when the test says so. */
function slowImage(): Image & { end(error?: string): void } {
  const waiting: ((error: string | null) => void)[] = [];
  return {
    sizeBytes: SECTORS * SECTOR,
    isReadOnly: false,
    path: null,
    readNow: () => false,
    writeNow: () => false,
    read: (_at, sizeBytes, done) => waiting.push((error) => done(error, new Uint8Array(sizeBytes))),
    write: (_at, _data, done) => waiting.push(done),
    flush: (done) => waiting.push(done),
    discard: (_at, _size, done) => waiting.push(done),
    writeZeroes: (_at, _size, _mayUnmap, done) => waiting.push(done),
    close: () => {},
    end: (error) => waiting.shift()?.(error ?? null),
  };
}

const data = (_offset: number, sizeBytes: number) => new Uint8Array(sizeBytes);

test('a host that does not answer is an error of the drain, and is waited for again the next time', async () => {
  const image = slowImage();
  const disk = drive(image);
  disk.write(0, 512, data, () => {});
  try {
    await disk.drain(20);
    assert.unreachable('expected the drain to end');
  } catch (error) {
    assert.match((error as Error).message, /^1 requests to disk 'test' have not finished in 0\.02 s/);
  }
  const drained = disk.drain(10_000);
  image.end();
  await drained;
  assert.is(disk.inFlight, 0);
});

test('large operations are cut in pieces, which end with the first error', () => {
  const image = slowImage();
  const disk = drive(image);
  const sizes: number[] = [];
  let result: string | null | undefined;
  const take = (offset: number, sizeBytes: number) => {
    sizes.push(offset, sizeBytes);
    return new Uint8Array(sizeBytes);
  };
  disk.write(0, 2.5 * 2 ** 20, take, (error) => {
    result = error;
  });
  image.end();
  image.end('ENOSPC');
  assert.equal(sizes, [0, 2 ** 20, 2 ** 20, 2 ** 20]);
  assert.equal([result, disk.inFlight], ['ENOSPC', 0]);
});

test('policies decide what a failed operation does, and what monitors hear', () => {
  const heard: string[] = [];
  const failed: DriveOptions['failed'] = ({ operation, action, error }) => {
    heard.push(`${operation} ${action} ${error}`);
  };
  const full = drive(slowImage(), { failed });
  assert.equal([full.failed(false, 'ENOSPC'), full.status], ['stop', 'nospace']);
  assert.equal([full.failed(false, 'EIO'), full.failed(true, 'EIO')], ['report', 'report']);
  full.forgetErrors();
  assert.is(full.status, 'ok');
  const strict = drive(slowImage(), { failed, readErrors: 'stop', writeErrors: 'ignore' });
  assert.equal([strict.failed(true, 'EIO'), strict.status], ['stop', 'failed']);
  assert.is(strict.failed(false, 'ENOSPC'), 'ignore');
  const quiet = drive(slowImage(), { failed, readErrors: 'report', writeErrors: 'report' });
  assert.is(quiet.status, null);
  assert.equal(heard.slice(0, 3), ['write stop ENOSPC', 'write report EIO', 'read report EIO']);
});

test('without discard=unmap nothing is given back', () => {
  const asked: string[] = [];
  const image = slowImage();
  image.discard = () => asked.push('discard');
  image.writeZeroes = (_at, _size, mayUnmap) => asked.push(`zeroes ${mayUnmap}`);
  const disk = drive(image, { unmap: false });
  disk.discard(0, 512, () => {});
  disk.writeZeroes(0, 512, true, () => {});
  assert.equal(asked, ['zeroes false']);
});

test.run();
