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
