import { defineCommand } from '../../command.js';
import { resolveBuild } from '../../resolving.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Forget a build',
  description: 'Forgets a build that no machine needs. Its files stay.',
  args: { build: one('Its id, or the beginning of it', { completion: 'builds' }) },
  examples: [['baton build remove qemu-10.0', 'forget it']],
  async run({ client, out, json }, args) {
    const { id } = await resolveBuild(client, args.build);
    await client.builds.remove(id);
    if (!json) out.line(`${id} is forgotten.`);
  },
});
