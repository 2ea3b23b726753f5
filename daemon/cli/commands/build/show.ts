import { collect } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { formatAge } from '../../quantities.js';
import { resolveBuild } from '../../resolving.js';
import { one } from '../../words.js';

export const command = defineCommand({
  summary: 'Show one build',
  description:
    'Shows a build: what it can do, whether its files are what was registered, and the machines that run on it.',
  args: { build: one('Its id, or the beginning of it', { completion: 'builds' }) },
  examples: [['baton build show qemu-11.1', 'what there is to know']],
  async run({ client, out, json }, args) {
    const build = await resolveBuild(client, args.build);
    if (json) return out.json(build);
    const machines = (await collect(client.machines.list({ build: build.id }))).filter(
      (machine) => machine.build === build.id,
    );
    out.card([
      ['id', build.id],
      ['kind', build.kind],
      ['version', build.version],
      ['path', build.path],
      ['files', out.state(build.fileState)],
      ['content', build.contentHash],
      ['modes', build.modes.join(', ')],
      ['architecture', build.architecture],
      ['accelerators', build.accelerators.join(', ') || null],
      ['machine types', `${build.machineTypes.length}`],
      ['added', formatAge(build.addedAt, out.nowMs())],
      ['runs', machines.map(({ name }) => name).join('\n') || null],
    ]);
  },
});
