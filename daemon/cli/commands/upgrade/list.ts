import { collect, type Upgrade } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { machineNames } from '../../machine-names.js';
import { colourOf } from '../../output/style.js';
import type { Column } from '../../output/table.js';
import { formatAge, formatMs } from '../../quantities.js';
import { integer, text } from '../../words.js';

const DEFAULT_LIMIT = 50;

const COLUMNS = (nowMs: number, nameOf: (id: string) => string): readonly Column<Upgrade>[] => [
  { title: 'ID', value: ({ id }) => id.slice(0, 8) },
  { title: 'MACHINE', value: ({ machine }) => nameOf(machine) },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'MODE', value: ({ mode }) => mode, leaveOut: 3 },
  { title: 'TO', value: ({ targetBuild }) => targetBuild, canBeCut: true, leaveOut: 4 },
  {
    title: 'PAUSE',
    value: ({ pauseMs }) => (pauseMs === null ? null : formatMs(pauseMs)),
    align: 'right',
    leaveOut: 1,
  },
  { title: 'WHY', value: ({ reason }) => reason?.code, canBeCut: true, leaveOut: 2 },
  { title: 'BEGUN', value: ({ createdAt }) => formatAge(createdAt, nowMs), leaveOut: 5 },
];

export const command = defineCommand({
  summary: 'List upgrades, newest first',
  description:
    'Lists upgrades that are under way and those that have ended: how they went, the pause, and why one went back.',
  options: {
    machine: text('--machine <machine>', 'Those of this machine', { completion: 'machines' }),
    state: text('--state <states>', 'Those in one of these states, separated by commas'),
    limit: integer('--limit <count>', `So many at most (default: ${DEFAULT_LIMIT})`, 1),
  },
  examples: [
    ['baton upgrade list', 'the newest'],
    [
      'baton upgrade list --machine web1 --state rolled-back,failed',
      'those of one machine that did not go well',
    ],
  ],
  async run({ client, out, json }, _args, { machine, state, limit = DEFAULT_LIMIT }) {
    const filter = {
      ...(machine === undefined ? {} : { machine }),
      ...(state === undefined ? {} : { state }),
    };
    const upgrades = await collect(client.upgrades.list({ ...filter, limit }));
    if (json) return out.json({ upgrades });
    const nameOf = await machineNames(client, upgrades);
    out.table(upgrades, COLUMNS(out.nowMs(), nameOf), 'No upgrades.');
  },
});
