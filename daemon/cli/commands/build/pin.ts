import type { MachineBuilds } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { usageError } from '../../exit-codes.js';
import { resolveBuild } from '../../resolving.js';
import { flag, machineArgument, maybe, several, text } from '../../words.js';

const BUILDS = { completion: 'builds' } as const;

export const command = defineCommand({
  summary: 'Say which builds a machine may run on',
  description:
    'Pins a machine to one build, which is then the only one it may run on, or takes the pin away; says the build that it starts on when none is named, and those that it must not run on. It counts from its next start, upgrade or restore on. Without anything to change it shows what is so.',
  args: { machine: machineArgument, build: maybe('The only build it may run on', BUILDS) },
  options: {
    off: flag('--off', 'Take the pin away'),
    default: text('--default <build>', "The build it starts on; own: this installation's own", BUILDS),
    deny: several(text('--deny <build>', 'A build that it must not run on; may be repeated', BUILDS)),
    allow: several(text('--allow <build>', 'No longer denied; may be repeated', BUILDS)),
  },
  examples: [
    ['baton build pin web1 qemu-11.1', 'this one and no other'],
    ['baton build pin web1 --off', 'any again'],
    ['baton build pin web1 --deny qemu-11.0', 'any but this one'],
  ],
  async run({ client, out, json }, { machine, build }, { off, default: preferred, deny, allow }) {
    if (off && build !== undefined) throw usageError('expected a build or --off, got both');
    const { builds } = await client.machines.get(machine);
    const idOf = async (given: string) => (await resolveBuild(client, given)).id;
    const denied = await Promise.all((deny ?? []).map(idOf));
    const allowed = await Promise.all((allow ?? []).map(idOf));
    const wanted: MachineBuilds = {
      default: preferred === undefined ? builds.default : preferred === 'own' ? null : await idOf(preferred),
      pin: off ? null : build === undefined ? builds.pin : await idOf(build),
      deny: [...new Set([...builds.deny, ...denied])].filter((id) => !allowed.includes(id)),
    };
    const isAsked = off || [build, preferred, deny, allow].some((given) => given !== undefined);
    const after = isAsked ? (await client.machines.setBuilds(machine, wanted)).builds : builds;
    if (json) return out.json(after);
    out.card([
      ['starts on', after.startsOn],
      ['default', after.default ?? "this installation's own"],
      ['pinned to', after.pin],
      ['denied', after.deny.join('\n') || null],
    ]);
  },
});
