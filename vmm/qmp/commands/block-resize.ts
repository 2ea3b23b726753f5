import { defineCommand } from '../command.js';

/**
 * Gives an image another size; the guest is told. Smaller images lose what is behind.
 *
 * Since: 0.1
 *
 *     -> { "execute": "block_resize", "arguments": { "node-name": "root", "size": 2147483648 } }
 *     <- { "return": {} }
 */
export const blockResize = defineCommand({
  name: 'block_resize',
  args: {
    device: { type: 'str', optional: true },
    'node-name': { type: 'str', optional: true },
    size: { type: 'int' },
  },
  run: async ({ vm }, { device, 'node-name': nodeName, size }) => {
    await vm.resizeDisk({ device: device ?? null, nodeName: nodeName ?? null, sizeBytes: size });
  },
});
