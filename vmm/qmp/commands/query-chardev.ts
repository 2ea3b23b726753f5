import { textOf } from '../../options/device-type.js';
import type { ChardevOptions, VmmOptions } from '../../options/options.js';
import type { VmControl } from '../../vm-control.js';
import { defineCommand } from '../command.js';

/**
 * The character devices and where they lead.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-chardev" }
 *     <- { "return": [ { "label": "serial0", "filename": "unix:/run/serial.sock,server=on",
 *          "frontend-open": true } ] }
 */
export const queryChardev = defineCommand({
  name: 'query-chardev',
  args: {},
  returns: {
    array: {
      struct: { label: { type: 'str' }, filename: { type: 'str' }, 'frontend-open': { type: 'bool' } },
    },
  },
  run: ({ options, vm }) =>
    options.chardevs.map((chardev) => ({
      label: chardev.id,
      filename: filenameOf(chardev, vm.terminals),
      'frontend-open': isUsed(chardev.id, options, vm.openChardevs),
    })),
});

/** The front end of a port is open while a program in the guest has the port open, that of a console always. */
function isUsed(
  id: string,
  { serials, monitors, devices }: Pick<VmmOptions, 'serials' | 'monitors' | 'devices'>,
  openChardevs: ReadonlySet<string>,
): boolean {
  if (serials.includes(id) || monitors.some(({ chardev }) => chardev === id)) return true;
  const user = devices.find(({ values }) => textOf(values, 'chardev') === id);
  return user?.driver === 'virtserialport' ? openChardevs.has(id) : user !== undefined;
}

function filenameOf(chardev: ChardevOptions, terminals: VmControl['terminals']): string {
  if (chardev.backend === 'pty') return `pty:${terminals[chardev.id] ?? ''}`;
  if (chardev.backend === 'socket') return `unix:${chardev.path}${chardev.server ? ',server=on' : ''}`;
  return chardev.backend === 'file' ? chardev.path : chardev.backend;
}
