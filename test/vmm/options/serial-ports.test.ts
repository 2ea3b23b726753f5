/** Ports of virtio-serial devices: numbers, buses and refusals as QEMU 11.1 has them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OptionError, parseOptions } from '../../../vmm/options/options.js';

const test = suite('ports of virtio-serial devices');
const SERIAL = 'virtio-serial-device';
const CHARDEVS = ['c0', 'c1', 'c2', 'c3'].flatMap((id) => ['-chardev', `null,id=${id}`]);

function devicesOf(...devices: readonly string[]) {
  const options = parseOptions([
    '-kernel',
    'k',
    ...CHARDEVS,
    ...devices.flatMap((text) => ['-device', text]),
  ]);
  return options.devices.map(({ bus, slot, values }) => [slot ?? bus, values.nr ?? null]);
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

test('the first console is port 0, others take the lowest number from 1 on', () => {
  const placed = devicesOf(
    SERIAL,
    'virtserialport,chardev=c0',
    'virtconsole,chardev=c1',
    'virtconsole,chardev=c2',
    'virtserialport,chardev=c3',
  );
  const bus = 'virtio-serial-bus.0';
  assert.equal(placed, [
    [7, null],
    [bus, 1],
    [bus, 0],
    [bus, 2],
    [bus, 3],
  ]);
});

test('a port goes on the bus it names, or the first', () => {
  const placed = devicesOf(
    SERIAL,
    `${SERIAL},id=vs`,
    SERIAL,
    'virtserialport,chardev=c0,nr=7',
    'virtserialport,chardev=c1,bus=vs.0',
    'virtserialport,chardev=c2,bus=virtio-serial-bus.1',
  );
  assert.equal(placed.slice(3), [
    ['virtio-serial-bus.0', 7],
    ['vs.0', 1],
    ['virtio-serial-bus.1', 1],
  ]);
});

const PORT = 'virtserialport';
const REFUSALS: readonly (readonly [string, readonly string[], string])[] = [
  ['without a bus', [`${PORT},chardev=c0`], "No 'virtio-serial-bus' bus found for device 'virtserialport'"],
  ['on a bus that is not there', [`${SERIAL},id=vs`, `${PORT},bus=vs.1`], "Bus 'vs.1' not found"],
  [
    'with the number of consoles',
    [SERIAL, `${PORT},nr=0`],
    'Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility.',
  ],
  [
    'with a number that is taken',
    [SERIAL, `${PORT},nr=3`, `${PORT},nr=3`],
    'virtio-serial-bus: A port already exists at id 3',
  ],
  [
    'with a number too high',
    [SERIAL, `${PORT},nr=31`],
    'virtio-serial-bus: Out-of-range port id specified, max. allowed: 30',
  ],
  [
    'when all are taken',
    [`${SERIAL},max_ports=2`, PORT, PORT],
    'virtio-serial-bus: Out-of-range port id specified, max. allowed: 1',
  ],
  [
    'with a name that is taken',
    [SERIAL, `${PORT},name=a`, `${PORT},name=a`],
    'virtio-serial-bus: A port already exists by name a',
  ],
  [
    'with a chardev that is not there',
    [SERIAL, `${PORT},chardev=cx`],
    "Property 'virtserialport.chardev' can't find value 'cx'",
  ],
  [
    'with a chardev that another has',
    [SERIAL, `${PORT},chardev=c0`, `${PORT},chardev=c0`],
    "Property 'virtserialport.chardev' can't take value 'c0': chardev 'c0' is already in use",
  ],
];

for (const [what, devices, expected] of REFUSALS) {
  test(`refuses a port ${what}`, () => assert.is(refusal(...devices), `-device: ${expected}`));
}

test('a chardev is a port’s or a monitor’s, not both', () => {
  assert.throws(
    () =>
      parseOptions([
        '-kernel',
        'k',
        ...CHARDEVS,
        '-mon',
        'c0',
        '-device',
        SERIAL,
        '-device',
        `${PORT},chardev=c0`,
      ]),
    /already in use/,
  );
});

test.run();
