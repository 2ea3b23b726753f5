import { defineCommand } from '../command.js';
import { MIGRATION_STATUSES } from '../protocol.js';

/**
 * How the last or current migration stands, times in milliseconds; nothing before the first. With
 * `blocked-reasons` when the VM cannot go in the mode that is set.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-migrate" }
 *     <- { "return": { "status": "completed", "total-time": 61, "setup-time": 58, "downtime": 1,
 *          "ram": { "transferred": 6120, "remaining": 0, "total": 0 } } }
 */
export const queryMigrate = defineCommand({
  name: 'query-migrate',
  args: {},
  returns: {
    struct: {
      status: { type: { enum: MIGRATION_STATUSES }, optional: true },
      'total-time': { type: 'int', optional: true },
      'setup-time': { type: 'int', optional: true },
      downtime: { type: 'int', optional: true },
      ram: {
        type: {
          struct: {
            transferred: { type: 'int' },
            remaining: { type: 'int' },
            total: { type: 'int' },
            duplicate: { type: 'int' },
            normal: { type: 'int' },
            'normal-bytes': { type: 'int' },
            'page-size': { type: 'int' },
          },
        },
        optional: true,
      },
      'error-desc': { type: 'str', optional: true },
      'blocked-reasons': { type: { array: 'str' }, optional: true },
      'socket-address': {
        type: {
          array: {
            tag: 'type',
            variants: {
              unix: { path: { type: 'str' } },
              inet: { host: { type: 'str' }, port: { type: 'str' } },
            },
          },
        },
        optional: true,
      },
    },
  },
  run: ({ migration }) => migration.info(),
});
