/** How much memory the guest shall have, in MiB. */
import { balloon as qmpBalloon } from '../../qmp/commands/balloon.js';
import { readWholeNumber } from '../arguments.js';
import { type HmpCommand, qmp } from '../command.js';

const MIB = 2 ** 20;

export const balloon: HmpCommand = {
  names: ['balloon'],
  parameters: 'target',
  help: 'request VM to change its memory allocation (in MB)',
  args: [{ kind: 'string', name: 'target' }],
  run: async (context, args) => {
    await qmp(context, qmpBalloon, { value: readWholeNumber(args.text('target')) * MIB });
    return '';
  },
};
