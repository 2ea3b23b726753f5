import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GOLDFISH_RTC_STATE, GoldfishRtc } from '../../../vmm/devices/goldfish-rtc.js';
import { FakeClock, FakeErrors, FakeLine, MAKERS } from './fixtures.js';

const TIME_LOW = 0x00;
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08;
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;

for (const maker of MAKERS) {
  const test = suite(`goldfish RTC, ${maker.name}`);

  function setup() {
    const clock = new FakeClock();
    clock.virtualNs = 777_000_000;
    const irq = new FakeLine();
    const errors = new FakeErrors();
    const rtc = maker.make(GOLDFISH_RTC_STATE, (state) => new GoldfishRtc(irq, clock, errors, state));
    const now = () => {
      const low = BigInt(rtc.read(TIME_LOW, 4));
      return (BigInt(rtc.read(TIME_HIGH, 4)) << 32n) | low;
    };
    const write64 = (high: number, low: number, value: bigint) => {
      rtc.write(high, 4, Number(value >> 32n));
      rtc.write(low, 4, Number(value & 0xffff_ffffn));
    };
    return { clock, irq, errors, rtc, now, write64 };
  }
  const WALL_NS = 1_700_000_000_000_000_000n;

  test('shows the host wall clock after reset', () => {
    const { now, clock } = setup();
    assert.is(now(), WALL_NS);
    clock.advanceMs(1500);
    assert.is(now(), WALL_NS + 1_500_000_000n);
  });

  test('reading the low half latches the high half', () => {
    const { rtc, clock } = setup();
    const high = rtc.read(TIME_HIGH, 4);
    assert.is(high, 0);
    rtc.read(TIME_LOW, 4);
    const latched = rtc.read(TIME_HIGH, 4);
    clock.advanceMs(10_000);
    assert.is(rtc.read(TIME_HIGH, 4), latched);
    assert.is(latched, Number(WALL_NS >> 32n));
  });

  test('the guest can set the time', () => {
    const { now, write64, clock } = setup();
    write64(TIME_HIGH, TIME_LOW, 86_400_000_000_000n);
    assert.is(now(), 86_400_000_000_000n);
    clock.advanceMs(1);
    assert.is(now(), 86_400_001_000_000n);
  });

  test('the alarm interrupts once its time has come', () => {
    const { rtc, irq, clock, write64 } = setup();
    rtc.write(IRQ_ENABLED, 4, 1);
    write64(ALARM_HIGH, ALARM_LOW, WALL_NS + 50_000_000n);
    assert.is(rtc.read(ALARM_STATUS, 4), 1);
    assert.is(rtc.device.deadlineNs(), clock.virtualNs + 50_000_000);
    clock.advanceMs(49);
    rtc.device.tick();
    assert.is(irq.level, false);
    clock.advanceMs(1);
    rtc.device.tick();
    assert.is(irq.level, true);
    assert.is(rtc.read(ALARM_STATUS, 4), 0);
    assert.is(rtc.device.deadlineNs(), Number.POSITIVE_INFINITY);
    rtc.write(CLEAR_INTERRUPT, 4, 1);
    assert.is(irq.level, false);
  });

  test('an alarm in the past interrupts at once, a cleared one never', () => {
    const { rtc, irq, clock, write64 } = setup();
    rtc.write(IRQ_ENABLED, 4, 1);
    write64(ALARM_HIGH, ALARM_LOW, WALL_NS + 1_000_000n);
    rtc.write(CLEAR_ALARM, 4, 1);
    clock.advanceMs(5);
    rtc.device.tick();
    assert.is(irq.level, false);
    write64(ALARM_HIGH, ALARM_LOW, 5n);
    assert.is(irq.level, true);
  });

  test('the interrupt waits for its enable', () => {
    const { rtc, irq, write64 } = setup();
    write64(ALARM_HIGH, ALARM_LOW, 5n);
    assert.is(irq.level, false);
    rtc.write(IRQ_ENABLED, 4, 1);
    assert.is(irq.level, true);
  });

  test('restored later, it has gone on with the wall clock and kept what the guest set', () => {
    const { rtc, clock, write64 } = setup();
    write64(TIME_HIGH, TIME_LOW, 5_000_000_000n);
    const saved = rtc.device.save();
    clock.wallMs += 250;
    const moved = new GoldfishRtc(new FakeLine(), clock, new FakeErrors(), saved);
    assert.is(moved.read(TIME_LOW), Number(5_250_000_000n & 0xffff_ffffn));
    assert.is(moved.read(TIME_HIGH), 1);
  });

  test('older readers find the offset from guest time', () => {
    const { rtc, clock } = setup();
    assert.is(rtc.device.save().tick_offset_vmstate, WALL_NS - BigInt(clock.virtualNs));
  });

  test('unknown registers read 0 and are reported', () => {
    const { rtc, errors } = setup();
    assert.is(rtc.read(0x20, 4), 0);
    rtc.write(ALARM_STATUS, 4, 1);
    assert.equal(errors.seen, ['read rtc 20', 'write rtc 18 1']);
  });

  test.run();
}
