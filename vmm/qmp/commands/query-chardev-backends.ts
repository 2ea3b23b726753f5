import { defineCommand } from '../command.js';

/**
 * The kinds of character device there are.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-chardev-backends" }
 *     <- { "return": [ { "name": "socket" }, … ] }
 */
export const queryChardevBackends = defineCommand({
  name: 'query-chardev-backends',
  args: {},
  returns: { array: { struct: { name: { type: 'str' } } } },
  run: () => ['socket', 'file', 'pty', 'stdio', 'null'].map((name) => ({ name })),
});
