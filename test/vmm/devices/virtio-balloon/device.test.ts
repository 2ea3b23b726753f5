/** The balloon: what the guest gives back, how it is asked, and what it tells of itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { virtioState } from '../../../../vmm/devices/virtio/state.js';
import { Balloon, type BalloonOptions, PAGE_BYTES } from '../../../../vmm/devices/virtio-balloon/device.js';
import { STATISTICS } from '../../../../vmm/devices/virtio-balloon/statistics.js';
import { RAM_BASE, TestDriver } from '../virtio/driver.js';

const [INFLATE, DEFLATE, STATS, REPORTS] = [0, 1, 2, 3];
const [STATISTICS_FEATURE, PAGE_POISON, REPORTING] = [1, 4, 5];
const ALL: BalloonOptions = { deflateOnOom: true, pagePoison: true, freePageReporting: true };
const FIRST_PAGE = RAM_BASE / PAGE_BYTES;

class Setup {
  readonly told: string[] = [];
  readonly balloon: Balloon;
  readonly driver: TestDriver;

  constructor(options = ALL) {
    let polled = 0;
    this.balloon = new Balloon(options, {
      discard: (pages) => {
        const at = pages.byteOffset / PAGE_BYTES;
        this.told.push(`discard ${at}+${pages.length / PAGE_BYTES}`);
        pages.fill(0);
      },
      secondsSince1970: () => 1234,
      resized: (pages) => this.told.push(`resized ${pages}`),
      pollEvery: (seconds) => {
        if (seconds !== polled) this.told.push(`poll ${seconds}`);
        polled = seconds;
      },
    });
    this.driver = new TestDriver(this.balloon.part);
  }

  start(): this {
    this.driver.start([STATISTICS_FEATURE, PAGE_POISON, REPORTING]);
    return this;
  }

  take(): string[] {
    return this.told.splice(0);
  }

  name(queue: number, pages: readonly number[]): void {
    const bytes = new Uint8Array(Uint32Array.from(pages).buffer);
    this.driver.add(queue, [this.driver.buffer(bytes, false)]);
    this.driver.notify(queue);
  }

  /** Statistics as the guest tells them: pairs of tag and value. */
  tell(pairs: readonly (readonly [number, bigint])[]): void {
    const view = new DataView(new ArrayBuffer(10 * pairs.length));
    for (const [index, [tag, value]] of pairs.entries()) {
      view.setUint16(10 * index, tag, true);
      view.setBigUint64(10 * index + 2, value, true);
    }
    this.driver.add(STATS, [this.driver.buffer(new Uint8Array(view.buffer), false)]);
    this.driver.notify(STATS);
  }

  stat(name: (typeof STATISTICS)[number]): bigint {
    const [low = 0, high = 0] = this.balloon.statistics.halves.slice(2 * STATISTICS.indexOf(name));
    return (BigInt(high) << 32n) | BigInt(low);
  }
}

const MAKERS = [
  { name: 'fresh', between: () => {} },
  { name: 'restored at each step', between: (setup: Setup) => setup.driver.migrate() },
];

for (const { name, between } of MAKERS) {
  const test = suite(`virtio-balloon, ${name}`);

  test('pages that the guest gives are discarded, neighbours together, and told to the CPU', () => {
    const setup = new Setup().start();
    between(setup);
    const pages = [1000, 1001, 1003, 1002, 1500, 1500, 1004].map((page) => FIRST_PAGE + page);
    setup.name(INFLATE, pages);
    assert.equal(setup.take(), ['discard 1000+5', 'discard 1500+1']);
    assert.equal(setup.driver.takeUsed(INFLATE).length, 1);
    const told = setup.driver.written.filter(({ sizeBytes }) => sizeBytes === 5 * PAGE_BYTES);
    assert.equal(told, [{ address: RAM_BASE + 1000 * PAGE_BYTES, sizeBytes: 5 * PAGE_BYTES }]);
    between(setup);
    setup.name(DEFLATE, pages);
    assert.equal([setup.take(), setup.driver.takeUsed(DEFLATE).length], [[], 1]);
  });

  test('asks for pages by its configuration, and hears how many were given', () => {
    const setup = new Setup().start();
    setup.balloon.setTarget(77);
    between(setup);
    assert.is(setup.driver.takeInterrupt() & 2, 2);
    assert.is(setup.driver.read(0x100), 77);
    setup.driver.write(0x104, 42);
    between(setup);
    assert.equal(setup.take(), ['resized 42']);
    assert.is(setup.balloon.actualPages, 42);
    setup.driver.write(0x104, 42);
    assert.equal(setup.take(), []);
  });

  test('keeps what it is asked for through resets of driver and machine', () => {
    const setup = new Setup().start();
    setup.balloon.setTarget(77);
    setup.balloon.setInterval(5);
    between(setup);
    setup.start();
    assert.is(setup.driver.read(0x100), 77);
    setup.driver.rebuild();
    between(setup);
    assert.is(setup.driver.read(0x100), 77);
    assert.is(setup.balloon.interval, 5);
    assert.is(setup.balloon.actualPages, 0);
  });

  test('statistics are read once for each time they are asked for', () => {
    const setup = new Setup().start();
    setup.balloon.poll();
    setup.tell([
      [4, 0x1_0000_0002n],
      [99, 5n],
    ]);
    between(setup);
    assert.is(setup.stat('stat-free-memory'), 0x1_0000_0002n);
    assert.is(setup.stat('stat-swap-in'), 2n ** 64n - 1n);
    assert.is(setup.balloon.statistics.time, 1234);
    assert.equal(setup.driver.takeUsed(STATS), []);
    setup.balloon.poll();
    between(setup);
    assert.equal(setup.driver.takeUsed(STATS).length, 1);
    assert.is(setup.driver.takeInterrupt() & 1, 1);
    setup.balloon.poll();
    setup.tell([[0, 9n]]);
    assert.equal([setup.stat('stat-swap-in'), setup.driver.takeUsed(STATS).length], [9n, 0]);
  });

  test('the interval is polled while the machine runs, and at once when it is first set', () => {
    const setup = new Setup().start();
    setup.tell([[0, 1n]]);
    between(setup);
    setup.take();
    setup.balloon.setInterval(3);
    assert.equal(setup.take(), ['poll 3']);
    assert.equal(setup.driver.takeUsed(STATS).length, 1);
    between(setup);
    setup.take();
    setup.driver.device.pause();
    assert.equal(setup.take(), ['poll 0']);
    setup.driver.device.resume();
    assert.equal(setup.take(), ['poll 3']);
  });

  test('pages reported free are discarded, unless the guest needs to find something in them', () => {
    const setup = new Setup().start();
    const report = () => {
      const address = RAM_BASE + 1200 * PAGE_BYTES;
      const whole = { address, sizeBytes: 2 * PAGE_BYTES, isWritable: true };
      const ragged = {
        address: address + 100_000 - (100_000 % 4096) + 1,
        sizeBytes: 2 * PAGE_BYTES,
        isWritable: true,
      };
      setup.driver.add(REPORTS, [whole, ragged]);
      setup.driver.notify(REPORTS);
      assert.is(setup.driver.takeUsed(REPORTS).length, 1);
    };
    between(setup);
    report();
    assert.equal(setup.take(), ['discard 1200+2', 'discard 1225+1']);
    setup.driver.write(0x10c, 0xaa);
    between(setup);
    report();
    assert.equal(setup.take(), []);
  });

  test.run();
}

const alone = suite('virtio-balloon');

alone('offers what it was asked to, and no queue for what it was not', () => {
  const bits = (options: BalloonOptions) => {
    const { driver } = new Setup(options);
    driver.write(0x014, 0);
    driver.write(0x030, REPORTS);
    return [driver.read(0x010) & 0xff, driver.read(0x034) > 0];
  };
  assert.equal(bits(ALL), [0b110110, true]);
  assert.equal(bits({ deflateOnOom: false, pagePoison: false, freePageReporting: false }), [0b10, false]);
});

alone('hostile pages and sizes do no harm', () => {
  const setup = new Setup().start();
  setup.name(INFLATE, [0, 1, 0xffff_ffff, FIRST_PAGE + 2047, FIRST_PAGE + 2048]);
  assert.equal(setup.take(), []);
  setup.driver.add(INFLATE, [setup.driver.buffer(3, false)]);
  setup.driver.add(INFLATE, [setup.driver.buffer(64, true)]);
  setup.driver.notify(INFLATE);
  assert.is(setup.driver.takeUsed(INFLATE).length, 3);
  for (let offset = 0x100; offset < 0x120; offset++) {
    for (const width of [1, 2, 4] as const) setup.driver.device.write(offset, width, 0xffff_ffff);
  }
  assert.is(setup.driver.status & 64, 0);
  setup.driver.migrate();
});

alone('a state that cannot be is refused in a sentence', () => {
  const setup = new Setup().start();
  const { validate } = virtioState(setup.balloon.part);
  const saved = setup.driver.device.save();
  assert.is(validate?.(saved), null);
  assert.match(validate?.({ ...saved, stats_read: 2 }) ?? '', 'stats_read');
  assert.match(validate?.({ ...saved, is_set: 2 }) ?? '', 'is_set');
});

alone.run();
