import { BLOCK_STATS, blockStats } from '../block-info.js';
import { defineCommand } from '../command.js';

/**
 * What devices have done with their disks in this process. Nothing is merged, and nodes are not counted by themselves.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-blockstats" }
 *     <- { "return": [ { "device": "", "qdev": "disk0", "node-name": "root",
 *          "stats": { "rd_bytes": 4096, "rd_operations": 1, … } } ] }
 */
export const queryBlockstats = defineCommand({
  name: 'query-blockstats',
  args: {},
  returns: { array: { struct: BLOCK_STATS } },
  run: async ({ vm }) => (await vm.disks()).disks.map(blockStats),
});
