import { stringify } from 'yaml';
import type { Machine } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { documentOf } from '../../machine-document.js';
import type { Output } from '../../output/output.js';
import { colourOf, safe } from '../../output/style.js';
import { formatAge, formatBytes } from '../../quantities.js';
import { flag, machineArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Show one machine',
  description:
    'Shows a machine: its state, the builds it may run on, its document, and the processes that run or ran it.',
  args: { machine: machineArgument },
  options: {
    document: flag('--document', 'Only its document, as YAML, as baton machine create --file takes it'),
  },
  examples: [
    ['baton machine show web1', 'what there is to know'],
    ['baton machine show web1 --document > web1.yaml', 'its document, to make others of'],
  ],
  async run({ client, out, json }, args, { document }) {
    const machine = await client.machines.get(args.machine);
    if (json) return out.json(machine);
    if (document) return out.stdout.write(stringify(documentOf(machine))) as unknown as undefined;
    showMachine(machine, out);
    const instances = await client.machines.instances(machine.id);
    out.line();
    out.table(
      instances,
      [
        { title: 'GEN', value: ({ generation }) => generation, align: 'right' },
        { title: 'PROCESS', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
        { title: 'PID', value: ({ pid }) => pid, align: 'right', leaveOut: 1 },
        { title: 'BUILD', value: ({ build }) => build, canBeCut: true },
        { title: 'STARTED', value: ({ startedAt }) => formatAge(startedAt, out.nowMs()), leaveOut: 2 },
        { title: 'ENDED', value: ({ endReason }) => endReason, canBeCut: true, leaveOut: 3 },
      ],
      'It was never started.',
    );
  },
});

function showMachine(machine: Machine, out: Output): void {
  const { builds, savedState, frozen } = machine;
  const deny = builds.deny.length === 0 ? null : builds.deny.join('\n');
  const saved =
    savedState === null
      ? null
      : `${formatBytes(savedState.bytes)}, ${formatAge(savedState.savedAt, out.nowMs())}, by ${savedState.build}`;
  const entries: (readonly [string, string | null])[] = [
    ['name', machine.name],
    ['id', machine.id],
    ['state', `${out.state(machine.state)}: ${safe(machine.stateReason)}`],
    ['wanted', machine.desiredPower],
    ['generation', machine.generation === null ? null : String(machine.generation)],
    ['runs on', machine.build],
    ['starts on', builds.startsOn],
    ['pinned to', builds.pin],
    ['denied', deny],
    ['saved state', saved],
    ['frozen', frozen === null ? null : `since ${frozen.since}, until ${frozen.thawsAt}`],
    ['operation', machine.operation],
    ['created', formatAge(machine.createdAt, out.nowMs())],
    ['adopted', machine.adopted === null ? null : machine.adopted.args.join(' ')],
    ['revision', String(machine.revision)],
    ['document', stringify(documentOf(machine)).trimEnd()],
  ];
  const always = ['state', 'generation', 'runs on'];
  out.card(entries.filter(([name, value]) => value !== null || always.includes(name)));
}
