import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { defineCommand } from '../../command.js';
import { usageError } from '../../exit-codes.js';
import { text } from '../../words.js';

export const command = defineCommand({
  summary: 'Write the audit out, an entry a line',
  description:
    'Writes the entries of the audit as JSON, one a line, the oldest first, on stdout or into a file that did not exist. For administrators.',
  options: {
    output: text('-o, --output <file>', 'Into this new file, which only you can read', {
      completion: 'files',
    }),
  },
  examples: [['baton audit export -o audit.jsonl', 'all of it']],
  async run({ client, out }, _args, { output }) {
    const target = output === undefined ? out.stdout : await newFile(output);
    let count = 0;
    for await (const entry of client.audit.list({ order: 'oldest' })) {
      if (!target.write(`${JSON.stringify(entry)}\n`)) await once(target, 'drain');
      count++;
    }
    if (output === undefined) return;
    target.end();
    await once(target, 'finish');
    out.note(`${count} entries were written to ${output}.`);
  },
});

async function newFile(path: string) {
  const target = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await once(target, 'open');
  } catch (error) {
    throw usageError(`cannot write the file: ${(error as Error).message}`);
  }
  return target;
}
