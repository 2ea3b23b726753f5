/** Commands about disks. */
import { parseSize } from '../../options/size.js';
import { blockResize as qmpResize } from '../../qmp/commands/block-resize.js';
import { QmpError } from '../../qmp/error.js';
import { type HmpCommand, qmp } from '../command.js';

export const blockResize: HmpCommand = {
  names: ['block_resize'],
  parameters: 'device size',
  help: 'resize a block image, in MiB when there is no suffix',
  args: [
    { kind: 'string', name: 'device' },
    { kind: 'string', name: 'size' },
  ],
  run: async (context, args) => {
    const size = parseSize(args.text('size'), 'm');
    if (size === null) throw new QmpError(`expected a size such as 512M or 2G, got '${args.text('size')}'`);
    await qmp(context, qmpResize, { device: args.text('device'), size });
    return '';
  },
};
