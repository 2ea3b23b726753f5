import { BLOCK_DEVICE_INFO, blockDeviceInfo } from '../block-info.js';
import { defineCommand } from '../command.js';

/**
 * All block nodes, used or not. There are no backing files, so `flat` changes nothing.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-named-block-nodes" }
 *     <- { "return": [ { "node-name": "root", "drv": "raw", "file": "/srv/disk.img", … } ] }
 */
export const queryNamedBlockNodes = defineCommand({
  name: 'query-named-block-nodes',
  args: { flat: { type: 'bool', optional: true } },
  returns: { array: { struct: BLOCK_DEVICE_INFO } },
  run: async ({ vm }) => (await vm.disks()).nodes.map(blockDeviceInfo),
});
