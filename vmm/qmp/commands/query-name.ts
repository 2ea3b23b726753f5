import { defineCommand } from '../command.js';

/**
 * The name given with `-name`, if any.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-name" }
 *     <- { "return": { "name": "web1" } }
 */
export const queryName = defineCommand({
  name: 'query-name',
  args: {},
  returns: { struct: { name: { type: 'str', optional: true } } },
  run: ({ options }) => (options.name === null ? {} : { name: options.name }),
});
