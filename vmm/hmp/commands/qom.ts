/** Looks at objects of the VM. */
import { qomGet as qmpQomGet } from '../../qmp/commands/qom-get.js';
import { renderJson } from '../../qmp/render.js';
import { type HmpCommand, qmp } from '../command.js';

export const qomGet: HmpCommand = {
  names: ['qom-get'],
  parameters: 'path property',
  help: 'print QOM property',
  args: [
    { kind: 'string', name: 'path' },
    { kind: 'string', name: 'property' },
  ],
  run: async (context, args) => {
    const value = await qmp(context, qmpQomGet, { path: args.text('path'), property: args.text('property') });
    return `${renderJson(value, 4)}\n`;
  },
};
