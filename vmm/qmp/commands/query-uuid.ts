import { defineCommand } from '../command.js';

const NO_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * The UUID given with `-uuid`; all zero when there is none.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-uuid" }
 *     <- { "return": { "UUID": "550e8400-e29b-41d4-a716-446655440000" } }
 */
export const queryUuid = defineCommand({
  name: 'query-uuid',
  args: {},
  returns: { struct: { UUID: { type: 'str' } } },
  run: ({ options }) => ({ UUID: options.uuid ?? NO_UUID }),
});
