/** Looks at objects of the VM, and sets what can be set. */
import { qomGet as qmpQomGet } from '../../qmp/commands/qom-get.js';
import { qomList as qmpQomList } from '../../qmp/commands/qom-list.js';
import { qomSet as qmpQomSet } from '../../qmp/commands/qom-set.js';
import { renderJson } from '../../qmp/render.js';
import { HmpUsageError } from '../arguments.js';
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

export const qomSet: HmpCommand = {
  names: ['qom-set'],
  parameters: '[-j] path property value',
  help: 'set QOM property.\n\t\t\t-j: the value is specified in json format.',
  args: [
    { kind: 'flag', letter: 'j', name: 'json' },
    { kind: 'string', name: 'path' },
    { kind: 'string', name: 'property' },
    { kind: 'rest', name: 'value' },
  ],
  run: async (context, args) => {
    const value = readValue(args.text('value'), args.isSet('json'));
    await qmp(context, qmpQomSet, { path: args.text('path'), property: args.text('property'), value });
    return '';
  },
};

/** Without `-j` what looks like a number is one. */
function readValue(text: string, isJson: boolean): unknown {
  if (!isJson) return /^-?\d+$/.test(text) ? Number(text) : text;
  try {
    return JSON.parse(text);
  } catch {
    throw new HmpUsageError(`JSON parse error, invalid keyword or value '${text}'`);
  }
}
