import { BLOCK_INFO, blockInfo } from '../block-info.js';
import { defineCommand } from '../command.js';

/**
 * The disks of devices, and those that `-drive` made and no device has.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-block" }
 *     <- { "return": [ { "io-status": "ok", "device": "", "qdev": "disk0", "locked": false, "removable": false,
 *          "type": "unknown", "inserted": { "node-name": "root", "drv": "raw", … } } ] }
 */
export const queryBlock = defineCommand({
  name: 'query-block',
  args: {},
  returns: { array: { struct: BLOCK_INFO } },
  run: async ({ vm }) => {
    const disks = await vm.disks();
    return disks.disks.map((disk) => blockInfo(disk, disks));
  },
});
