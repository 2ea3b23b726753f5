import { BLOCK_DRIVERS } from '../../options/block-options.js';
import { defineCommand } from '../command.js';

/**
 * Opens a block node.
 *
 * Arguments: as `-blockdev`.
 * Errors: the name is taken, it cannot be opened; a migration is under way.
 * Since: 0.1
 *
 *     -> { "execute": "blockdev-add", "arguments": { "driver": "raw", "node-name": "disk1",
 *          "file": { "driver": "file", "filename": "/srv/disk1.img" } } }
 *     <- { "return": {} }
 */
export const blockdevAdd = defineCommand({
  name: 'blockdev-add',
  args: { driver: { type: { enum: BLOCK_DRIVERS } }, 'node-name': { type: 'str', optional: true } },
  takesMore: true,
  run: ({ hotPlug }, args) => hotPlug.addNode(JSON.stringify(args)),
});
