/** Devices of the command line: what they may say, and where they go. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEVICE_TYPES } from '../../../vmm/options/device-types.js';
import { OptionError, parseOptions } from '../../../vmm/options/options.js';

const test = suite('device options');
const RNG = 'virtio-rng-device';

function devicesOf(...devices: readonly string[]) {
  return parseOptions(['-kernel', 'k', ...devices.flatMap((text) => ['-device', text])]).devices;
}

function refusal(...devices: readonly string[]): string {
  try {
    devicesOf(...devices);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  throw new Error(`expected a refusal of ${devices.join(' ')}`);
}

test('the first device goes into the highest slot, as in QEMU, around those that name theirs', () => {
  const placed = devicesOf(RNG, `${RNG},bus=virtio-mmio-bus.6`, RNG, `${RNG},bus=virtio-mmio-bus.0`);
  assert.equal(
    placed.map(({ slot }) => slot),
    [7, 6, 5, 0],
  );
});

test('JSON and property lists say the same', () => {
  const [fromJson] = devicesOf(JSON.stringify({ driver: RNG, id: 'r', bus: 'virtio-mmio-bus.3' }));
  assert.equal(fromJson, devicesOf(`${RNG},id=r,bus=virtio-mmio-bus.3`)[0]);
});

const REFUSALS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown device', ['ne2000'], /'ne2000' is not a valid device model name/],
  ['an unknown property', [`${RNG},speed=9`], /unknown parameter 'speed'/],
  ['what is not emulated', [`${RNG},packed=on`], /'packed' supports only 'off', got 'on'/],
  ['an id given twice', [`${RNG},id=a`, `${RNG},id=a`], /duplicate device ID 'a'/],
  ['a slot that is taken', [`${RNG}`, `${RNG},bus=virtio-mmio-bus.7`], /Bus 'virtio-mmio-bus.7' is full/],
  ['a slot that is not there', [`${RNG},bus=virtio-mmio-bus.8`], /Bus 'virtio-mmio-bus.8' not found/],
  ['another bus', [`${RNG},bus=pci.0`], /Bus 'pci.0' not found/],
  ['more devices than slots', Array<string>(9).fill(RNG), /all slots are in use/],
];

for (const [what, devices, expected] of REFUSALS) {
  test(`refuses ${what} and names it`, () => assert.match(refusal(...devices), expected));
}

test('legacy virtio is refused, its absence can be asked for', () => {
  parseOptions(['-kernel', 'k', '-global', 'virtio-mmio.force-legacy=false']);
  assert.throws(
    () => parseOptions(['-kernel', 'k', '-global', 'virtio-mmio.force-legacy=true']),
    /supports only/,
  );
});

test('every kind of device has defaults that it accepts', () => {
  for (const [driver, { properties }] of DEVICE_TYPES) {
    for (const [name, { default: value, only }] of Object.entries(properties)) {
      assert.ok(value === undefined || only === undefined || only.includes(value), `${driver}.${name}`);
    }
  }
});

test.run();
