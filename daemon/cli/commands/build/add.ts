import { basename } from 'node:path';
import { defineCommand } from '../../command.js';
import { usageError } from '../../exit-codes.js';
import { absolute } from '../../paths.js';
import { one, oneOf } from '../../words.js';

export const command = defineCommand({
  summary: 'Register a VMM binary',
  description: 'Registers a binary that machines can run on. It is run to learn what it can do.',
  args: { path: one('The binary; for baton-vmm its baton-vmm.cjs', { completion: 'files' }) },
  options: { kind: oneOf('--kind <kind>', 'What it is, if its name does not tell', ['baton', 'qemu']) },
  examples: [
    ['baton build add /usr/bin/qemu-system-x86_64', 'a QEMU'],
    ['baton build add /opt/vmm/qemu --kind qemu', 'one whose name does not tell'],
  ],
  async run({ client, out, json }, args, options) {
    const path = absolute(args.path);
    const kind = options.kind ?? kindOf(path);
    if (kind === null)
      throw usageError(
        `what is ${path}?`,
        `baton build add ${path} --kind qemu`,
        `baton build add ${path} --kind baton`,
      );
    const build = await client.builds.add({ kind, path });
    if (json) out.json(build);
    else out.line(`${build.id} is registered: ${build.version}, ${build.modes.join(', ')}.`);
  },
});

function kindOf(path: string): 'baton' | 'qemu' | null {
  const name = basename(path);
  if (name.startsWith('qemu-system-') || name === 'qemu-kvm') return 'qemu';
  return name.startsWith('baton-vmm') ? 'baton' : null;
}
