/**
 * Where ports of virtio-serial devices go: on the bus that they name, or on the first there is; under the number that
 * they name, or the lowest free one. Number 0 is kept for a console. Buses and complaints are named as QEMU does.
 */
import type { DeviceOptions } from './device-options.js';
import { numberOf, textOf } from './device-type.js';
import { OptionError } from './error.js';

export const SERIAL_DRIVER = 'virtio-serial-device';
export const CONSOLE_DRIVER = 'virtconsole';
/** `nr` when nobody has said it. */
export const ANY_PORT = 0xffff_ffff;

/** Name of the bus that a virtio-serial device is. */
export function serialBusOf(device: DeviceOptions, all: readonly DeviceOptions[]): string {
  if (device.id !== null) return `${device.id}.0`;
  const unnamed = all.filter(({ driver, id }) => driver === SERIAL_DRIVER && id === null);
  return `virtio-serial-bus.${Math.max(0, unnamed.indexOf(device))}`;
}

/** The ports of a device, in their order. */
export function portsOn(device: DeviceOptions, all: readonly DeviceOptions[]): readonly DeviceOptions[] {
  const bus = serialBusOf(device, all);
  return all.filter(({ slot, bus: other }) => slot === null && other === bus);
}

/** Gives a port its bus and number. Throws `OptionError`. */
export function placePort(port: DeviceOptions, others: readonly DeviceOptions[]): DeviceOptions {
  const device = findBus(port, others);
  const siblings = portsOn(device, others);
  const nr = chooseNumber(port, siblings, numberOf(device.values, 'max_ports'));
  const name = textOf(port.values, 'name');
  if (name !== null && siblings.some(({ values }) => textOf(values, 'name') === name)) {
    throw refusal(`virtio-serial-bus: A port already exists by name ${name}`);
  }
  return { ...port, bus: serialBusOf(device, others), values: { ...port.values, nr } };
}

function findBus({ driver, bus }: DeviceOptions, others: readonly DeviceOptions[]): DeviceOptions {
  const buses = others.filter((other) => other.driver === SERIAL_DRIVER);
  const found = bus === null ? buses[0] : buses.find((device) => serialBusOf(device, others) === bus);
  if (found !== undefined) return found;
  if (bus !== null) throw refusal(`Bus '${bus}' not found`);
  throw refusal(`No 'virtio-serial-bus' bus found for device '${driver}'`);
}

function chooseNumber(port: DeviceOptions, siblings: readonly DeviceOptions[], maxPorts: number): number {
  const isConsole = port.driver === CONSOLE_DRIVER;
  const taken = new Set(siblings.map(({ values }) => numberOf(values, 'nr')));
  const asked = numberOf(port.values, 'nr');
  if (asked !== ANY_PORT && taken.has(asked)) {
    throw refusal(`virtio-serial-bus: A port already exists at id ${asked}`);
  }
  const nr = asked === ANY_PORT ? lowestFree(taken, isConsole) : asked;
  if (nr >= maxPorts) {
    throw refusal(`virtio-serial-bus: Out-of-range port id specified, max. allowed: ${maxPorts - 1}`);
  }
  if (nr === 0 && !isConsole) {
    throw refusal(
      'Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility.',
    );
  }
  return nr;
}

function lowestFree(taken: ReadonlySet<number>, isConsole: boolean): number {
  let nr = isConsole ? 0 : 1;
  while (taken.has(nr)) nr++;
  return nr;
}

function refusal(reason: string): OptionError {
  return new OptionError('-device', reason);
}
