import { collect, type Machine } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { colourOf } from '../../output/style.js';
import type { Column } from '../../output/table.js';
import { formatAge, formatMiB } from '../../quantities.js';
import { resolveBuild } from '../../resolving.js';
import { flag, integer, text } from '../../words.js';

const COLUMNS = (nowMs: number): readonly Column<Machine>[] => [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'GEN', value: ({ generation }) => generation, align: 'right', leaveOut: 2 },
  { title: 'MEMORY', value: ({ spec }) => formatMiB(spec.memoryMiB), align: 'right', leaveOut: 3 },
  { title: 'VCPUS', value: ({ spec }) => spec.vcpus, align: 'right', leaveOut: 4 },
  { title: 'BUILD', value: ({ build }) => build, canBeCut: true, leaveOut: 1 },
  { title: 'CHANGED', value: ({ updatedAt }) => formatAge(updatedAt, nowMs), leaveOut: 5 },
];

export const command = defineCommand({
  summary: 'List machines',
  description: 'Lists machines: their state, what they are, and the build that runs them.',
  options: {
    name: text('--name <pattern>', 'Those of this name; * stands for anything'),
    state: text('--state <states>', 'Those in one of these states, separated by commas'),
    build: text('--build <build>', 'Those that run on this build', { completion: 'builds' }),
    label: text('--label <labels>', 'Those with these labels, separated by commas: env=production,rack'),
    outdated: flag('--outdated', 'Those that run another build than they would start on'),
    limit: integer('--limit <count>', 'So many at most', 1),
  },
  examples: [
    ['baton machine list', 'all of them'],
    ['baton machine list --state running,paused', 'those that have a guest'],
    ["baton machine list --name 'web*' --json", 'as documents, for scripts'],
  ],
  async run({ client, out, json }, _args, { name, state, build, label, outdated, limit }) {
    const filter = {
      ...(name === undefined ? {} : { name }),
      ...(state === undefined ? {} : { state }),
      ...(build === undefined ? {} : { build: (await resolveBuild(client, build)).id }),
      ...(label === undefined ? {} : { label }),
      ...(outdated ? { outdated } : {}),
      ...(limit === undefined ? {} : { limit }),
    };
    const machines = await collect(client.machines.list(filter));
    if (json) out.json({ machines });
    else
      out.table(
        machines,
        COLUMNS(out.nowMs()),
        'No machines. baton machine create --help says how to make one.',
      );
  },
});
