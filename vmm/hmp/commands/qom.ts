/** Looks at objects of the VM. */
import { qomGet as qmpQomGet } from '../../qmp/commands/qom-get.js';
import { qomList as qmpQomList } from '../../qmp/commands/qom-list.js';
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

export const qomList: HmpCommand = {
  names: ['qom-list'],
  parameters: 'path',
  help: 'list QOM properties',
  args: [{ kind: 'rest', name: 'path', optional: true }],
  run: async (context, args) => {
    const path = args.text('path');
    if (path === '') return '/\n';
    const list = await qmp<readonly { name: string; type: string }[]>(context, qmpQomList, { path });
    return list.map(({ name, type }) => `${name} (${type})\n`).join('');
  },
};
