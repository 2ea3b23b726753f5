import { writeFileSync } from 'node:fs';
import { defineCommand } from '../../command.js';
import { usageError } from '../../exit-codes.js';
import { duration, one, oneOf, required, several, text } from '../../words.js';

export const command = defineCommand({
  summary: 'Create an access token',
  description:
    'Creates a token, with which somebody else may use the daemon. It is printed once and kept nowhere: the daemon knows only what it takes to recognise it.',
  args: { name: one('Whose it is, as events and the audit log say it') },
  options: {
    role: required(
      oneOf('--role <role>', 'What its owner may; each includes the ones before', [
        'viewer',
        'operator',
        'admin',
      ]),
    ),
    expires: duration('--expires <duration>', 'When it ends by itself, such as 30d; else when it is revoked'),
    machine: several(
      text('--machine <machine>', 'Only this machine; may be repeated', { completion: 'machines' }),
    ),
    output: text('-o, --output <file>', 'Write it into this new file, which only you can read', {
      completion: 'files',
    }),
  },
  examples: [
    ['baton token create ci --role operator --expires 90d -o ci.token', 'for a pipeline'],
    ['baton token create alice --role viewer --machine web1', 'for one machine'],
  ],
  async run({ client, out, json }, { name }, { role, expires, machine, output }) {
    const body = {
      name,
      role,
      ...(expires === undefined ? {} : { expiresIn: wholeUnits(expires) }),
      ...(machine === undefined ? {} : { machines: machine }),
    };
    const created = await client.tokens.create(body);
    if (output !== undefined) keep(output, created.token);
    if (json) return out.json(output === undefined ? created : { ...created, token: undefined });
    if (output === undefined) out.line(created.token);
    out.note(
      `Token ${created.id} of ${name}, ${role}. It is not shown again: baton token revoke ${created.id} ends it.`,
    );
  },
});

const DAY_MS = 86_400_000;

function wholeUnits(ms: number): string {
  return ms % DAY_MS === 0 ? `${ms / DAY_MS}d` : `${Math.ceil(ms / 1_000)}s`;
}

function keep(path: string, token: string): void {
  try {
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw usageError(
      `the token was created and could not be written: ${(error as Error).message}`,
      'baton token list',
    );
  }
}
