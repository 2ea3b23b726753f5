import { collect, type Operation } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { machineNames } from '../../machine-names.js';
import { colourOf } from '../../output/style.js';
import type { Column } from '../../output/table.js';
import { formatAge, formatMs } from '../../quantities.js';
import { integer, text } from '../../words.js';

const DEFAULT_LIMIT = 50;

const COLUMNS = (nowMs: number, nameOf: (id: string) => string): readonly Column<Operation>[] => [
  { title: 'ID', value: ({ id }) => id },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'MACHINE', value: ({ machine }) => nameOf(machine) },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'TOOK', value: (operation) => took(operation), align: 'right', leaveOut: 3 },
  { title: 'WHY', value: ({ error }) => error?.code, canBeCut: true, leaveOut: 1 },
  { title: 'BEGUN', value: ({ createdAt }) => formatAge(createdAt, nowMs), leaveOut: 2 },
];

function took({ createdAt, finishedAt }: Operation): string | null {
  return finishedAt === null ? null : formatMs(Date.parse(finishedAt) - Date.parse(createdAt));
}

export const command = defineCommand({
  summary: 'List operations, newest first',
  description: 'Lists what was asked for and can take long: what it was, of which machine, and how it went.',
  options: {
    machine: text('--machine <machine>', 'Those of this machine', { completion: 'machines' }),
    state: text('--state <states>', 'Those in one of these states, separated by commas'),
    kind: text('--kind <kinds>', 'Those of one of these kinds, such as start,upgrade'),
    limit: integer('--limit <count>', `So many at most (default: ${DEFAULT_LIMIT})`, 1),
  },
  examples: [['baton operation list --state running', 'what is under way']],
  async run({ client, out, json }, _args, { machine, state, kind, limit = DEFAULT_LIMIT }) {
    const filter = {
      ...(machine === undefined ? {} : { machine }),
      ...(state === undefined ? {} : { state }),
      ...(kind === undefined ? {} : { kind }),
    };
    const operations = await collect(client.operations.list({ ...filter, limit }));
    if (json) return out.json({ operations });
    const nameOf = await machineNames(client, operations);
    out.table(operations, COLUMNS(out.nowMs(), nameOf), 'No operations.');
  },
});
