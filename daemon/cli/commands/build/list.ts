import { type Build, collect } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { colourOf } from '../../output/style.js';
import type { Column } from '../../output/table.js';
import { formatAge } from '../../quantities.js';
import { oneOf } from '../../words.js';

const COLUMNS = (nowMs: number): readonly Column<Build>[] => [
  { title: 'ID', value: ({ id }) => id },
  { title: 'KIND', value: ({ kind }) => kind, leaveOut: 3 },
  { title: 'VERSION', value: ({ version }) => version, canBeCut: true, leaveOut: 2 },
  {
    title: 'FILES',
    value: ({ fileState }) => fileState,
    colour: ({ fileState }) => colourOf(fileState),
    leaveOut: 1,
  },
  { title: 'MODES', value: ({ modes }) => modes.join(','), canBeCut: true, leaveOut: 4 },
  { title: 'PATH', value: ({ path }) => path, canBeCut: true, leaveOut: 5 },
  { title: 'ADDED', value: ({ addedAt }) => formatAge(addedAt, nowMs), leaveOut: 6 },
];

export const command = defineCommand({
  summary: 'List builds',
  description:
    'Lists the VMM binaries that machines can run on, and whether their files are what was registered.',
  options: { kind: oneOf('--kind <kind>', 'Those of this kind', ['baton', 'qemu']) },
  examples: [['baton build list', 'all of them']],
  async run({ client, out, json }, _args, { kind }) {
    const builds = await collect(client.builds.list(kind === undefined ? {} : { kind }));
    if (json) out.json({ builds });
    else
      out.table(
        builds,
        COLUMNS(out.nowMs()),
        'No builds. baton build add /usr/bin/qemu-system-x86_64 registers one.',
      );
  },
});
