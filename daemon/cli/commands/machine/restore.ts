import { defineCommand } from '../../command.js';
import { perform } from '../../following.js';
import { resolveBuild } from '../../resolving.js';
import { machinesArgument, noWait, text } from '../../words.js';

export const command = defineCommand({
  summary: 'Let suspended machines go on where they were',
  description:
    'Loads the guest of a suspended machine from its file, on the build that saved it or on another one.',
  args: { machines: machinesArgument },
  options: {
    build: text('--build <build>', 'Another build than the one that saved it', { completion: 'builds' }),
    wait: noWait,
  },
  examples: [
    ['baton machine restore web1', 'let it go on'],
    ['baton machine restore web1 --build qemu-11.1', 'on another build'],
  ],
  async run(context, { machines }, { build, wait }) {
    const { client } = context;
    const body = build === undefined ? {} : { build: (await resolveBuild(client, build)).id };
    const ask = (machine: string) => client.machines.restore(machine, body);
    await perform(context, { machines, ask, done: 'is restored', wait });
  },
});
