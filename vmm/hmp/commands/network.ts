/** Commands about network devices. */
import { setLink as qmpSetLink } from '../../qmp/commands/set-link.js';
import { type HmpCommand, qmp } from '../command.js';

export const setLink: HmpCommand = {
  names: ['set_link'],
  parameters: 'name on|off',
  help: 'change the link status of a network adapter',
  args: [
    { kind: 'string', name: 'name' },
    { kind: 'bool', name: 'up' },
  ],
  run: async (context, args) => {
    await qmp(context, qmpSetLink, { name: args.text('name'), up: args.isSet('up') });
    return '';
  },
};
