import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLINT_STATE, Clint } from '../../../vmm/devices/clint.js';
import { FakeClock, FakeErrors, FakeLine, MAKERS } from './fixtures.js';

const MSIP = 0x0;
const MTIMECMP = 0x4000;
const MTIME = 0xbff8;

for (const maker of MAKERS) {
  const test = suite(`CLINT, ${maker.name}`);

  function setup() {
    const clock = new FakeClock();
    const errors = new FakeErrors();
    const lines = { msip: new FakeLine(), mtip: new FakeLine() };
    const clint = maker.make(CLINT_STATE, (state) => new Clint(clock, lines, errors, state));
    return { clock, errors, lines, clint };
  }

  test('msip is one bit and drives the software interrupt', () => {
    const { clint, lines } = setup();
    clint.write(MSIP, 4, 0xffff_ffff);
    assert.is(clint.read(MSIP, 4), 1);
    assert.is(lines.msip.level, true);
    clint.write(MSIP, 4, 0);
    assert.is(lines.msip.level, false);
  });

  test('mtime counts guest time in steps of 100 ns', () => {
    const { clint, clock } = setup();
    clock.virtualNs = 12_345_678;
    assert.is(clint.read(MTIME, 4), 123_456);
    assert.is(clint.device.ticks(), 123_456);
    clock.virtualNs = 2 ** 32 * 100 + 700;
    assert.is(clint.read(MTIME, 4), 7);
    assert.is(clint.read(MTIME + 4, 4), 1);
  });

  test('the timer interrupt comes at mtimecmp and goes when mtimecmp moves on', () => {
    const { clint, clock, lines } = setup();
    clint.write(MTIMECMP + 4, 4, 0);
    clint.write(MTIMECMP, 4, 10_000);
    assert.is(lines.mtip.level, false);
    assert.is(clint.device.deadlineNs(), 1_000_000);
    clock.virtualNs = 999_999;
    clint.device.tick();
    assert.is(lines.mtip.level, false);
    clock.virtualNs = 1_000_000;
    clint.device.tick();
    assert.is(lines.mtip.level, true);
    assert.is(clint.device.deadlineNs(), Number.POSITIVE_INFINITY);
    clint.write(MTIMECMP, 4, 20_000);
    assert.is(clint.device.deadlineNs(), 2_000_000);
    assert.is(lines.mtip.level, false);
    assert.is(clint.read(MTIMECMP, 4), 20_000);
  });

  test('a deadline that has passed interrupts when it is written', () => {
    const { clint, clock, lines } = setup();
    clock.virtualNs = 5_000_000;
    clint.write(MTIMECMP, 4, 0);
    clint.write(MTIMECMP + 4, 4, 0);
    assert.is(lines.mtip.level, true);
    assert.is(clint.device.deadlineNs(), Number.POSITIVE_INFINITY);
  });

  test('the guest can set mtime, and it runs on from there', () => {
    const { clint, clock, lines } = setup();
    clock.virtualNs = 1_000_000;
    clint.write(MTIME + 4, 4, 0);
    clint.write(MTIME, 4, 50);
    clock.virtualNs += 1_000;
    assert.is(clint.read(MTIME, 4), 60);
    assert.is(clint.device.ticks(), 60);
    clint.write(MTIMECMP + 4, 4, 0);
    clint.write(MTIMECMP, 4, 100);
    assert.is(clint.device.deadlineNs(), 1_000_000 + 5_000);
    clock.virtualNs = 1_005_000;
    clint.device.tick();
    assert.is(lines.mtip.level, true);
  });

  test('registers of other harts read 0 and are reported', () => {
    const { clint, errors } = setup();
    assert.is(clint.read(4, 4), 0);
    clint.write(0x4008, 4, 1);
    assert.equal(errors.seen, ['read clint 4', 'write clint 4008 1']);
  });

  test.run();
}
