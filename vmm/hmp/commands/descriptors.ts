/** Descriptors that came over the socket of this monitor. */
import { closefd as qmpClosefd } from '../../qmp/commands/closefd.js';
import { getfd as qmpGetfd } from '../../qmp/commands/getfd.js';
import { type HmpCommand, qmp } from '../command.js';

export const getfd: HmpCommand = {
  names: ['getfd'],
  parameters: 'getfd name',
  help: 'receive a file descriptor via SCM rights and assign it a name',
  args: [{ kind: 'string', name: 'fdname' }],
  run: async (context, args) => {
    await qmp(context, qmpGetfd, { fdname: args.text('fdname') });
    return '';
  },
};

export const closefd: HmpCommand = {
  names: ['closefd'],
  parameters: 'closefd name',
  help: 'close a file descriptor previously passed via SCM rights',
  args: [{ kind: 'string', name: 'fdname' }],
  run: async (context, args) => {
    await qmp(context, qmpClosefd, { fdname: args.text('fdname') });
    return '';
  },
};
