/** `virtio-serial-device` with its ports, each on its chardev. */
import { virtioSerial } from '../../devices/virtio-serial/device.js';
import type { PortSpec } from '../../devices/virtio-serial/host-port.js';
import { numberOf, textOf } from '../../options/device-type.js';
import type { DeviceOptions } from '../../options/options.js';
import { CONSOLE_DRIVER, portsOn } from '../../options/serial-ports.js';
import { ChardevPort } from '../chardev-port.js';
import type { DeviceContext, OpenPart } from '../devices.js';

export async function openSerial(device: DeviceOptions, context: DeviceContext): Promise<OpenPart> {
  const hosts: ChardevPort[] = [];
  const ports = portsOn(device, context.options.devices).map((port): PortSpec => {
    const chardev = context.chardevs.find(({ id }) => id === textOf(port.values, 'chardev'));
    const host = chardev === undefined ? null : new ChardevPort(chardev);
    if (host !== null) hosts.push(host);
    return {
      nr: numberOf(port.values, 'nr'),
      name: textOf(port.values, 'name'),
      isConsole: port.driver === CONSOLE_DRIVER,
      host,
      guestOpened: announcer(port, context),
    };
  });
  return {
    part: virtioSerial(numberOf(device.values, 'max_ports'), ports),
    drain: async () => {},
    close: async () => {
      for (const host of hosts) host.close();
    },
  };
}

/** Tells what changed since it was told last. */
function announcer({ id, values }: DeviceOptions, { announce }: DeviceContext): PortSpec['guestOpened'] {
  let told = false;
  return (open) => {
    if (open === told) return;
    told = open;
    announce({ name: 'VSERPORT_CHANGE', chardev: textOf(values, 'chardev'), id, open });
  };
}
