import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST_CLOCK } from '../../../vmm/bus/host-clock.js';
import { TIMER_STATE, VirtualClock } from '../../../vmm/bus/virtual-clock.js';
import { throughStream } from '../devices/fixtures.js';

const test = suite('virtual clock');

function host(startNs = 5_000) {
  let ns = startNs;
  return {
    monotonicNs: () => ns,
    wallMs: () => 1_700_000_000_123,
    advance: (by: number) => {
      ns += by;
    },
  };
}

test('stands at 0 until it is started, and stands again when stopped', () => {
  const time = host();
  const clock = new VirtualClock(time);
  time.advance(100);
  assert.is(clock.nowNs(), 0);
  clock.start();
  clock.start();
  time.advance(40);
  assert.is(clock.nowNs(), 40);
  clock.stop();
  clock.stop();
  time.advance(1000);
  assert.is(clock.nowNs(), 40);
  clock.start();
  time.advance(2);
  assert.is(clock.nowNs(), 42);
});

test('an ordinary stop is not counted on the other side of a stream', () => {
  const time = host();
  const source = new VirtualClock(time);
  source.start();
  time.advance(500);
  source.stop();
  const target = new VirtualClock(time, throughStream(TIMER_STATE, source.save(false)));
  time.advance(9_000);
  target.start();
  assert.is(target.nowNs(), 500);
});

test('a hand-over does not stop guest time', () => {
  const time = host();
  const source = new VirtualClock(time);
  source.start();
  time.advance(500);
  source.stop();
  time.advance(30);
  const state = throughStream(TIMER_STATE, source.save(true));
  const target = new VirtualClock(time, state);
  time.advance(70);
  assert.is(target.nowNs(), 500);
  target.start();
  assert.is(target.nowNs(), 600);
});

test('the source of a failed hand-over counts the pause, too, and once', () => {
  const time = host();
  const source = new VirtualClock(time);
  source.start();
  time.advance(500);
  source.stop();
  source.save(true);
  source.save(true);
  time.advance(100);
  source.start();
  assert.is(source.nowNs(), 600);
  source.stop();
  time.advance(100);
  source.start();
  assert.is(source.nowNs(), 600);
});

test('a target that is handed on before it ran keeps the time of the first stop', () => {
  const time = host();
  const source = new VirtualClock(time);
  source.start();
  time.advance(500);
  source.stop();
  const second = new VirtualClock(time, source.save(true));
  time.advance(100);
  const third = new VirtualClock(time, second.save(true));
  time.advance(100);
  third.start();
  assert.is(third.nowNs(), 700);
});

test('saving twice is equal and changes nothing that can be seen', () => {
  const time = host();
  const clock = new VirtualClock(time);
  clock.start();
  time.advance(777);
  clock.stop();
  assert.equal(clock.save(true), clock.save(true));
  assert.is(clock.nowNs(), 777);
});

test('the wall clock is the host wall clock', () => {
  const clock = new VirtualClock(host());
  assert.is(clock.wallSeconds(), 1_700_000_000);
  assert.is(clock.wallNanoseconds(), 123_000_000);
});

test('times beyond what a number holds exactly are refused', () => {
  const state = { clockNs: 2n ** 60n, hostMonotonicNs: 0n };
  assert.throws(() => throughStream(TIMER_STATE, state), /clockNs/);
});

test('the host clock goes forward in nanoseconds', () => {
  const before = Number(process.hrtime.bigint());
  const now = HOST_CLOCK.monotonicNs();
  const after = Number(process.hrtime.bigint());
  assert.ok(before <= now && now <= after);
});

test.run();
