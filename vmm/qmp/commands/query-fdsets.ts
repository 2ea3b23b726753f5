import { fdSets } from '../../descriptors/open-path.js';
import { defineCommand } from '../command.js';

/**
 * The sets of descriptors.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-fdsets" }
 *     <- { "return": [ { "fdset-id": 1, "fds": [ { "fd": 30, "opaque": "rdonly:/image" } ] } ] }
 */
export const queryFdsets = defineCommand({
  name: 'query-fdsets',
  args: {},
  returns: {
    array: {
      struct: {
        'fdset-id': { type: 'int' },
        fds: {
          type: { array: { struct: { fd: { type: 'int' }, opaque: { type: 'str', optional: true } } } },
        },
      },
    },
  },
  run: () => fdSets.list(),
});
