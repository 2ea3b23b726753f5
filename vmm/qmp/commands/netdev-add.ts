import type { NamedDescriptors } from '../../descriptors/monitor-descriptors.js';
import { NETDEV_TYPES } from '../../options/netdev-options.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';
import { isRecord } from '../protocol.js';

/**
 * Adds a network backend. Descriptors are numbers of this process, or names that `getfd` gave. While a guest is
 * awaited, what came with it under that id is taken instead of opening anything.
 *
 * Arguments: as `-netdev`.
 * Errors: the id is taken, it cannot be opened; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "netdev_add", "arguments": { "type": "tap", "id": "net0", "fd": "tapfd" } }
 *     <- { "return": {} }
 */
export const netdevAdd = defineCommand({
  name: 'netdev_add',
  args: { type: { type: { enum: NETDEV_TYPES } }, id: { type: 'str' } },
  takesMore: true,
  run: ({ hotPlug, descriptors }, args) => {
    const { given, fd } = withNumbers(args, descriptors.names);
    return hotPlug.addNetdev(JSON.stringify(given), fd);
  },
});

interface Given {
  readonly given: object;
  /** It was the monitor's. */
  readonly fd: number | null;
}

function withNumbers(args: Readonly<Record<string, unknown>>, names: NamedDescriptors): Given {
  const { addr, fd } = args;
  if (isName(fd)) {
    const number = take(fd, names);
    return { given: { ...args, fd: number }, fd: number };
  }
  if (isRecord(addr) && addr.type === 'fd' && isName(addr.str)) {
    const number = take(addr.str, names);
    return { given: { ...args, addr: { ...addr, str: number } }, fd: number };
  }
  return { given: args, fd: null };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && !/^\d/.test(value);
}

function take(name: string, names: NamedDescriptors): number {
  const fd = names.take(name);
  if (fd === null) throw new QmpError(`File descriptor named '${name}' has not been found`);
  return fd;
}
