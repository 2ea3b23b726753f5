import { defineCommand } from '../command.js';
import { one } from '../words.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const command = defineCommand({
  summary: 'Print the completion script of a shell',
  description:
    'Prints a script with which a shell completes commands, options and the names of machines, builds and upgrades. Packages install it where shells look.',
  args: { shell: one('bash, zsh or fish', { choices: SHELLS }) },
  examples: [
    ['source <(baton completion bash)', 'in this bash, now'],
    ['baton completion zsh > ~/.zfunc/_baton', 'for zsh, in a folder of its fpath'],
    ['baton completion fish > ~/.config/fish/completions/baton.fish', 'for fish'],
  ],
  async run({ out, version }, { shell }) {
    const [{ describeAll }, { completionOf }] = await Promise.all([
      import('../model/describe.js'),
      import('../model/completions.js'),
    ]);
    out.stdout.write(completionOf(shell as (typeof SHELLS)[number], await describeAll(version)));
  },
});
