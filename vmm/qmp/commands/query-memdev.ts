import { defineCommand } from '../command.js';

/**
 * The memory backends. `share` says whether the memory can be handed over.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-memdev" }
 *     <- { "return": [ { "id": "ram0", "size": 268435456, "share": true, "prealloc": false, "merge": false,
 *          "dump": true, "host-nodes": [], "policy": "default" } ] }
 */
export const queryMemdev = defineCommand({
  name: 'query-memdev',
  args: {},
  returns: {
    array: {
      struct: {
        id: { type: 'str' },
        size: { type: 'int' },
        merge: { type: 'bool' },
        dump: { type: 'bool' },
        prealloc: { type: 'bool' },
        share: { type: 'bool' },
        'host-nodes': { type: { array: 'int' } },
        policy: { type: { enum: ['default'] } },
      },
    },
  },
  run: ({ options }) =>
    options.memory.backends.map(({ id, sizeBytes, share, prealloc }) => ({
      id,
      size: sizeBytes,
      merge: false,
      dump: true,
      prealloc,
      share,
      'host-nodes': [],
      policy: 'default',
    })),
});
