import type { ChardevOptions } from '../../options/options.js';
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
  run: ({ options }) =>
    options.chardevs.map((chardev) => ({
      label: chardev.id,
      filename: filenameOf(chardev),
      'frontend-open': isUsed(chardev.id, options),
    })),
});

function isUsed(
  id: string,
  { serials, monitors }: { serials: readonly (string | null)[]; monitors: readonly { chardev: string }[] },
): boolean {
  return serials.includes(id) || monitors.some(({ chardev }) => chardev === id);
}

function filenameOf(chardev: ChardevOptions): string {
  if (chardev.backend === 'socket') return `unix:${chardev.path}${chardev.server ? ',server=on' : ''}`;
  return chardev.backend === 'file' ? chardev.path : chardev.backend;
}
