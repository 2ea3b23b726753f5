/** What every stateful device keeps to, whatever a guest did to it before. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLINT_STATE, Clint } from '../../../vmm/devices/clint.js';
import type { AccessWidth } from '../../../vmm/devices/device.js';
import { GOLDFISH_RTC_STATE, GoldfishRtc } from '../../../vmm/devices/goldfish-rtc.js';
import { PLIC_STATE, Plic } from '../../../vmm/devices/plic.js';
import { Uart16550 } from '../../../vmm/devices/uart16550.js';
import { UART16550_STATE } from '../../../vmm/devices/uart16550-state.js';
import * as layout from '../../../vmm/layout.js';
import type { StateDescription } from '../../../vmm/state/description.js';
import type { Stateful } from './fixtures.js';
import { FakeClock, FakeLine, throughStream } from './fixtures.js';

interface Case<S> {
  readonly description: StateDescription<S>;
  readonly sizeBytes: number;
  readonly build: (state: S, clock: FakeClock) => Stateful<S>;
}

const errors = { invalidRead: () => {}, invalidWrite: () => {} };
const port = { send: () => {}, readyForInput: () => {} };

function lines() {
  return { msip: new FakeLine(), mtip: new FakeLine(), meip: new FakeLine(), seip: new FakeLine() };
}

function define<S>(test: Case<S>): Case<unknown> {
  return test as unknown as Case<unknown>;
}

const CASES: readonly Case<unknown>[] = [
  define({
    description: CLINT_STATE,
    sizeBytes: layout.CLINT.sizeBytes,
    build: (state, clock) => new Clint(clock, lines(), errors, state),
  }),
  define({
    description: PLIC_STATE,
    sizeBytes: layout.PLIC.sizeBytes,
    build: (state) => new Plic(lines(), errors, state),
  }),
  define({
    description: UART16550_STATE,
    sizeBytes: layout.UART0.sizeBytes,
    build: (state) => new Uart16550(new FakeLine(), port, errors, state),
  }),
  define({
    description: GOLDFISH_RTC_STATE,
    sizeBytes: layout.RTC.sizeBytes,
    build: (state, clock) => new GoldfishRtc(new FakeLine(), clock, errors, state),
  }),
];

const WIDTHS: readonly AccessWidth[] = [1, 2, 4];

/** The same numbers in each run: a failure can be looked at again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function disturb(device: Stateful<unknown>, sizeBytes: number, seed: number, clock: FakeClock): void {
  const next = numbers(seed);
  for (let step = 0; step < 2000; step++) {
    const offset = next(2) === 0 ? next(Math.min(sizeBytes, 0x40)) : next(sizeBytes);
    const width = WIDTHS[next(3)] ?? 4;
    if (next(3) === 0) device.read(offset, width);
    else device.write(offset, width, next(2) === 0 ? next(16) : next(2 ** 32));
    if (next(50) === 0) clock.advanceMs(next(1000));
  }
}

for (const { description, sizeBytes, build } of CASES) {
  const test = suite(`conformance of ${description.name}`);

  test('a restored reset state saves as the reset state', () => {
    const clock = new FakeClock();
    clock.wallMs = 0; // what is worked out from the clocks when saving is 0 then
    const device = build(throughStream(description, description.reset), clock);
    assert.equal(device.save(), description.reset);
  });

  test('whatever a guest wrote: saving twice is equal, restoring gives the same state', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const clock = new FakeClock();
      const device = build(description.reset, clock);
      disturb(device, sizeBytes, seed, clock);
      const saved = device.save();
      assert.equal(device.save(), saved);
      assert.is(description.validate?.(saved) ?? null, null);
      const restored = build(throughStream(description, saved), clock);
      assert.equal(restored.save(), saved);
    }
  });

  test('a restored device goes on exactly as the original does', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [clock, otherClock] = [new FakeClock(), new FakeClock()];
      const original = build(description.reset, clock);
      disturb(original, sizeBytes, seed, clock);
      otherClock.virtualNs = clock.virtualNs;
      otherClock.wallMs = clock.wallMs;
      const restored = build(throughStream(description, original.save()), otherClock);
      disturb(original, sizeBytes, seed + 100, clock);
      disturb(restored, sizeBytes, seed + 100, otherClock);
      assert.equal(restored.save(), original.save());
    }
  });

  test('every offset can be read and written at every width', () => {
    const device = build(description.reset, new FakeClock());
    const step = sizeBytes > 0x10000 ? 4 : 1;
    for (let offset = 0; offset < sizeBytes; offset += step) {
      for (const width of WIDTHS) {
        const value = device.read(offset, width);
        if (!Number.isInteger(value)) throw new Error(`read of ${offset} gave ${value}`);
        device.write(offset, width, 0xffff_ffff);
      }
    }
    assert.is(description.validate?.(device.save()) ?? null, null);
  });

  test('state is plain data of its own: changing the device does not change what was saved', () => {
    const clock = new FakeClock();
    const device = build(description.reset, clock);
    const saved = device.save();
    const copy = structuredClone(saved);
    disturb(device, sizeBytes, 5, clock);
    assert.equal(saved, copy);
  });

  test.run();
}
