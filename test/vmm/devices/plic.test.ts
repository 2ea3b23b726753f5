import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PLIC_STATE, Plic } from '../../../vmm/devices/plic.js';
import { FakeErrors, FakeLine, MAKERS } from './fixtures.js';

const PENDING = 0x1000;
const ENABLE_M = 0x2000;
const ENABLE_S = 0x2080;
const THRESHOLD_S = 0x201000;
const CLAIM_M = 0x200004;
const CLAIM_S = 0x201004;

for (const maker of MAKERS) {
  const test = suite(`PLIC, ${maker.name}`);

  /** The wires as devices drive them; a restored PLIC is told their levels again, as devices do. */
  function setup() {
    const outputs = { meip: new FakeLine(), seip: new FakeLine() };
    const errors = new FakeErrors();
    const levels = new Map<number, boolean>();
    const plic = maker.make(PLIC_STATE, (state) => {
      const built = new Plic(outputs, errors, state);
      for (const [source, level] of levels) built.line(source).set(level);
      return built;
    });
    const wire = (source: number, level: boolean) => {
      plic.device.line(source).set(level);
      levels.set(source, level);
    };
    return { plic, outputs, errors, wire };
  }

  test('an enabled source above the threshold interrupts; claiming takes the wire down', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 10, 4, 1);
    plic.write(ENABLE_S, 4, 1 << 10);
    wire(10, true);
    assert.is(outputs.seip.level, true);
    assert.is(outputs.meip.level, false);
    assert.is(plic.read(PENDING, 4), 1 << 10);
    assert.is(plic.read(CLAIM_S, 4), 10);
    assert.is(outputs.seip.level, false);
    assert.is(plic.read(PENDING, 4), 0);
    assert.is(plic.read(CLAIM_S, 4), 0);
  });

  test('a wire that is still up at completion interrupts again, one that fell does not', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 10, 4, 1);
    plic.write(ENABLE_S, 4, 1 << 10);
    wire(10, true);
    plic.read(CLAIM_S, 4);
    plic.write(CLAIM_S, 4, 10);
    assert.is(outputs.seip.level, true);
    assert.is(plic.read(CLAIM_S, 4), 10);
    wire(10, false);
    plic.write(CLAIM_S, 4, 10);
    assert.is(outputs.seip.level, false);
  });

  test('a request that was forwarded stays although the wire falls', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 11, 4, 3);
    plic.write(ENABLE_S, 4, 1 << 11);
    wire(11, true);
    wire(11, false);
    assert.is(outputs.seip.level, true);
    assert.is(plic.read(CLAIM_S, 4), 11);
  });

  test('priority decides, then the lower number; priority 0 never interrupts', () => {
    const { plic, outputs, wire } = setup();
    plic.write(ENABLE_S, 4, (1 << 3) | (1 << 5) | (1 << 7) | (1 << 9));
    plic.write(4 * 3, 4, 2);
    plic.write(4 * 5, 4, 6);
    plic.write(4 * 7, 4, 6);
    for (const source of [9, 7, 5, 3]) wire(source, true);
    const order = [1, 2, 3, 4].map(() => plic.read(CLAIM_S, 4));
    assert.equal(order, [5, 7, 3, 0]);
    assert.is(outputs.seip.level, false);
  });

  test('the threshold masks the wire but not the claim', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 10, 4, 3);
    plic.write(ENABLE_S, 4, 1 << 10);
    plic.write(THRESHOLD_S, 4, 3);
    wire(10, true);
    assert.is(outputs.seip.level, false);
    plic.write(THRESHOLD_S, 4, 2);
    assert.is(outputs.seip.level, true);
    plic.write(THRESHOLD_S, 4, 7);
    assert.is(plic.read(CLAIM_S, 4), 10);
  });

  test('contexts are apart', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 95, 4, 1);
    plic.write(ENABLE_M + 8, 4, 0x8000_0000);
    wire(95, true);
    assert.is(outputs.meip.level, true);
    assert.is(outputs.seip.level, false);
    assert.is(plic.read(ENABLE_M + 8, 4) >>> 0, 0x8000_0000);
    assert.is(plic.read(ENABLE_S + 8, 4), 0);
    assert.is(plic.read(CLAIM_M, 4), 95);
  });

  test('completion of a source that is not enabled here is ignored', () => {
    const { plic, outputs, wire } = setup();
    plic.write(4 * 10, 4, 1);
    plic.write(ENABLE_S, 4, 1 << 10);
    wire(10, true);
    plic.read(CLAIM_S, 4);
    plic.write(CLAIM_M, 4, 10);
    plic.write(CLAIM_S, 4, 4_000_000_000);
    assert.is(outputs.seip.level, false);
    plic.write(CLAIM_S, 4, 10);
    assert.is(outputs.seip.level, true);
  });

  test('source 0 does not exist and priorities have three bits', () => {
    const { plic, errors } = setup();
    plic.write(ENABLE_S, 4, 0xffff_ffff);
    assert.is(plic.read(ENABLE_S, 4) & 1, 0);
    plic.write(0, 4, 7);
    plic.write(4, 4, 0xff);
    assert.is(plic.read(4, 4), 7);
    assert.equal(errors.seen, ['write plic 0 7']);
  });

  test('offsets between the registers read 0 and are reported', () => {
    const { plic, errors } = setup();
    for (const offset of [4 * 96, 0x100c, 0x200c, 0x2100, 0x200008, 0x202000]) {
      assert.is(plic.read(offset, 4), 0);
    }
    assert.is(errors.seen.length, 6);
  });

  test.run();
}
