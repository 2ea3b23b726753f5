import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WallClock } from '../../../vmm/qmp/wall-clock.js';

/** Realtime that runs by hand; the monotonic clock drifts against it. */
class FakeTime {
  micros = 1_700_000_000_000_250;
  driftMicros = 0;
  /** Reading takes time, as on a real host. */
  stepMicros = 0;

  wallMs(): number {
    this.micros += this.stepMicros;
    return Math.floor(this.micros / 1000);
  }

  monotonicMicros(): number {
    this.micros += this.stepMicros;
    return this.micros - 1_600_000_000_000_000 + this.driftMicros;
  }
}

const test = suite('wall clock');

test('is within a millisecond of realtime, whatever the drift', () => {
  const time = new FakeTime();
  const clock = new WallClock(time);
  for (let step = 0; step < 1000; step++) {
    time.micros += 777;
    time.driftMicros += step % 2 === 0 ? 130 : -90;
    assert.ok(Math.abs(clock.nowMicros() - time.micros) < 1000, `step ${step}`);
  }
});

test('follows a step of realtime at once', () => {
  const time = new FakeTime();
  const clock = new WallClock(time);
  time.micros += 3_600_000_000;
  time.driftMicros -= 3_600_000_000;
  assert.ok(Math.abs(clock.nowMicros() - time.micros) < 1000);
});

test('is within a few microseconds after calibration', () => {
  const time = new FakeTime();
  time.stepMicros = 1;
  const clock = new WallClock(time);
  clock.calibrate();
  time.micros += 5_300;
  assert.ok(Math.abs(clock.nowMicros() - time.micros) < 10);
});

test('calibration gives up on a clock that stands', () => {
  let reads = 0;
  const clock = new WallClock({ wallMs: () => 5, monotonicMicros: () => reads++ * 100 });
  clock.calibrate();
  assert.is(Math.floor(clock.nowMicros() / 1000), 5);
});

test.run();
