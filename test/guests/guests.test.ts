/** The bare guests on a core with the least of a machine around it, where time is ours. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestMachine } from '../vmm/cpu/test-machine.js';
import { allGuests } from './all.js';
import { type GuestImage, KERNEL_ADDRESS } from './image.js';
import { loops } from './loops.js';
import { spin } from './spin.js';
import { STATUS_PAGE, type TickerOptions, ticker } from './ticker.js';

const STIMECMP = 0x14d;
const TICKS_PER_MS = 10_000;
const A0 = 10;
const PATTERN = 0x80400000;

/** A guest in S-mode whose set_timer calls are answered through stimecmp. */
class Guest {
  readonly machine = new TestMachine({ sbi: true });

  constructor(image: GuestImage) {
    this.machine.load(image.bytes, KERNEL_ADDRESS);
    this.machine.core.pc = BigInt(KERNEL_ADDRESS);
  }

  /** Runs until `condition`; the guest's virtual time may not pass `deadlineMs`. */
  runUntil(condition: () => boolean, deadlineMs = 5000): void {
    const { machine } = this;
    const giveUpAt = machine.now + deadlineMs * TICKS_PER_MS;
    while (!condition()) {
      const reason = machine.core.run(machine.now + TICKS_PER_MS);
      if (reason === 'sbi-call') this.#answer();
      if (reason === 'wfi')
        machine.now = Math.max(machine.now, Math.min(machine.core.nextTimerTicks(), giveUpAt + 1));
      if (machine.now > giveUpAt)
        throw new Error(`not within ${deadlineMs} ms of the guest; output:\n${machine.output}`);
    }
  }

  lines(): string[] {
    return this.machine.output.split('\n').slice(0, -1);
  }

  runUntilLines(count: number): string[] {
    this.runUntil(() => this.lines().length >= count);
    return this.lines();
  }

  status(offset: number): bigint {
    return this.machine.dword(STATUS_PAGE + offset);
  }

  #answer(): void {
    const { core } = this.machine;
    assert.equal([core.readX(17), core.readX(16)], [0x54494d45n, 0n], 'only set_timer is called');
    core.writeCsr(STIMECMP, core.readX(A0));
    core.writeX(A0, 0n);
    core.writeX(11, 0n);
    core.pc += 4n;
  }
}

const LINE = /^ticker: ticks=(\d+) gap_us=(\d+) max_gap_us=(\d+) pattern=(ok|BAD)$/;

function numbers(line: string | undefined): {
  ticks: number;
  gapUs: number;
  maxGapUs: number;
  pattern: string;
} {
  const match = LINE.exec(line ?? '');
  if (match === null) throw new Error(`expected a line of the ticker, got "${line}"`);
  const [ticks, gapUs, maxGapUs] = match.slice(1, 4).map(Number) as [number, number, number];
  return { ticks, gapUs, maxGapUs, pattern: match[4] as string };
}

const tickerTest = suite('ticker');

for (const timer of ['sbi', 'stimecmp'] as const satisfies TickerOptions['timer'][]) {
  tickerTest(`with timer ${timer}: a first line, then one line for every 100 ticks of a millisecond`, () => {
    const guest = new Guest(ticker({ patternMiB: 1, timer }));
    const startedAt = guest.machine.now;
    const lines = guest.runUntilLines(6);
    assert.is(lines[0], 'ticker: start');
    for (let i = 1; i <= 5; i++) {
      const { ticks, gapUs, maxGapUs, pattern } = numbers(lines[i]);
      assert.is(ticks, 100 * i);
      assert.ok(gapUs >= 990 && gapUs < 1500, `gap ${gapUs} us`);
      assert.ok(maxGapUs >= gapUs && maxGapUs < 1500, `max gap ${maxGapUs} us`);
      assert.is(pattern, 'ok');
    }
    const tookMs = (guest.machine.now - startedAt) / TICKS_PER_MS;
    assert.ok(tookMs > 499 && tookMs < 600, `500 ticks took ${tookMs} ms`);
  });
}

tickerTest('the status page has ticks, time, gap, passes and errors', () => {
  const guest = new Guest(ticker({ patternMiB: 1 }));
  guest.runUntil(() => guest.status(8) >= 300n);
  assert.is(guest.status(0), Buffer.from('BATONTIC').readBigUInt64LE());
  const ago = guest.machine.now - Number(guest.status(16));
  assert.ok(ago >= 0 && ago < TICKS_PER_MS, `the last tick was ${ago} ticks ago`);
  assert.ok(guest.status(24) >= 9900n, 'max gap');
  assert.is(guest.status(32), 2n, '128 chunks to a pass');
  assert.is(guest.status(40), 0n);
});

tickerTest('a hole is seen in its own window and in the maximum, and missed ticks are not made up', () => {
  const guest = new Guest(ticker({ patternMiB: 1 }));
  guest.runUntil(() => guest.status(8) === 150n);
  guest.machine.now += 80 * TICKS_PER_MS;
  const lines = guest.runUntilLines(4).map((line, index) => (index === 0 ? null : numbers(line)));
  assert.is(lines[1]?.maxGapUs, lines[1]?.gapUs);
  const hole = lines[2]?.gapUs ?? 0;
  assert.ok(hole >= 80_000 && hole < 82_000, `hole of ${hole} us`);
  assert.ok((lines[3]?.gapUs ?? 0) < 1500);
  assert.is(lines[3]?.maxGapUs, hole);
  assert.is(lines[3]?.ticks, 300);
});

tickerTest('a received p sets the maximum back, other bytes do nothing', () => {
  const guest = new Guest(ticker({ patternMiB: 1 }));
  guest.runUntil(() => guest.status(8) === 50n);
  guest.machine.now += 30 * TICKS_PER_MS;
  guest.runUntil(() => guest.status(8) === 120n);
  guest.machine.input.push(...Buffer.from('xyz'));
  guest.runUntil(() => guest.status(8) === 130n);
  assert.ok(guest.status(24) > 300_000n);
  guest.machine.input.push(...Buffer.from('p'));
  guest.runUntil(() => guest.status(8) === 140n);
  assert.ok(guest.status(24) < 15_000n);
});

tickerTest('a changed byte of the pattern is counted and reported for ever', () => {
  const guest = new Guest(ticker({ patternMiB: 1 }));
  guest.runUntil(() => guest.status(8) === 10n);
  const at = PATTERN - 0x80000000 + 0x80008;
  guest.machine.ram[at] = (guest.machine.ram[at] as number) ^ 1;
  const lines = guest.runUntilLines(4);
  assert.is(guest.status(40), 1n);
  assert.equal(
    lines.slice(1).map((line) => numbers(line).pattern),
    ['BAD', 'BAD', 'BAD'],
  );
});

tickerTest('a page of a former pass is noticed', () => {
  const guest = new Guest(ticker({ patternMiB: 1 }));
  guest.runUntil(() => guest.status(32) === 1n);
  const page = guest.machine.ram.subarray(PATTERN - 0x80000000, PATTERN - 0x80000000 + 4096);
  const before = page.slice();
  guest.runUntil(() => guest.status(32) === 2n);
  assert.is(guest.status(40), 0n);
  page.set(before);
  guest.runUntil(() => guest.status(32) === 3n);
  assert.is(guest.status(40), 512n);
});

tickerTest('a pattern that is no whole number of MiB is refused', () => {
  assert.throws(() => ticker({ patternMiB: 0 }), /patternMiB: expected a positive whole number, got 0/);
  assert.throws(() => ticker({ patternMiB: 1.5 }), /1\.5/);
});

const others = suite('spin and loops');

others('spin prints its line and then computes for ever without leaving the core', () => {
  const guest = new Guest(spin());
  guest.runUntilLines(1);
  assert.equal(guest.lines(), ['spin: start']);
  const { core } = guest.machine;
  const before = core.readX(5);
  for (let i = 0; i < 10; i++) assert.is(core.run(guest.machine.now + 100), 'slice-end');
  assert.ok(core.readX(5) > before);
});

others('loops computes the same checksum as other machines do, and powers off', () => {
  const guest = new Guest(loops({ rounds: 2 }));
  guest.runUntil(() => guest.machine.poweredOff, 60_000);
  const [first, last] = guest.lines();
  assert.is(first, 'loops: start');
  // As printed by qemu-system-riscv64 for two rounds.
  assert.match(last as string, /^loops: ticks=\d+ checksum=95c680dc42ea2264$/);
  assert.ok(guest.machine.accesses.at(-1)?.endsWith('0x100000 = 0x5555'));
});

others('every guest has a name and an image of its own', () => {
  const images = allGuests();
  assert.equal(
    images.map(({ name, format }) => `${name}.${format}`),
    ['ticker.bin', 'linux-ticker.elf', 'spin.bin', 'loops.bin', 'echo.bin'],
  );
  for (const { bytes } of images) assert.ok(bytes.length > 100 && bytes.length < 16_384);
});

tickerTest.run();
others.run();
