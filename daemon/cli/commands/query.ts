import type { Call } from '../../client/index.js';
import { defineCommand } from '../command.js';
import { readText } from '../document-file.js';
import { CommandError, exitOfStatus, usageError } from '../exit-codes.js';
import { flag, one, oneOf, several, text } from '../words.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export const command = defineCommand({
  summary: 'Send any request of the interface',
  description:
    'Sends one request and prints what is answered, whatever that is. It ends as the status says: 4 for 404, 6 for 409 and so on. The interface is described at /v1/openapi.json.',
  args: { path: one('Path, such as /v1/machines; a beginning /v1/ may be left out') },
  options: {
    method: oneOf('-X, --method <method>', 'Default: GET, or POST with a body', METHODS),
    data: text('-d, --data <body>', 'Body, as JSON; @FILE is the content of a file, @- the standard input'),
    header: several(text('-H, --header <header>', 'NAME: VALUE; may be repeated')),
    include: flag('-i, --include', 'Print status and headers too'),
  },
  examples: [
    ['baton query /v1/machines', 'what baton machine list reads'],
    ['baton query machines/web1 -X PATCH -d \'{"memoryMiB":512}\' -H \'If-Match: "3"\'', 'change a document'],
    ['baton query machines -d @web1.json', 'create a machine'],
  ],
  async run({ client, out, input }, { path }, { method, data, header, include }) {
    const body = data?.startsWith('@') ? await readText(data.slice(1), input) : data;
    const answer = await client.request({
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      path: path.startsWith('/') ? path : `/v1/${path}`,
      headers: Object.fromEntries((header ?? []).map(headerOf)),
      ...(body === undefined ? {} : { body }),
    } satisfies Call);
    if (include) {
      out.line(`HTTP ${answer.status}`);
      for (const [name, value] of Object.entries(answer.headers)) out.line(`${name}: ${value}`);
      out.line();
    }
    const isJson = /[/+]json/.test(String(answer.headers['content-type']));
    if (isJson && out.isTerminal) out.json(JSON.parse(answer.text));
    else if (answer.text !== '')
      out.stdout.write(answer.text.endsWith('\n') ? answer.text : `${answer.text}\n`);
    if (answer.status >= 400) {
      throw new CommandError(exitOfStatus(answer.status), `the daemon answered with status ${answer.status}`);
    }
  },
});

function headerOf(text: string): [string, string] {
  const [, name, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw usageError(`expected --header NAME: VALUE, got ${text}`);
  return [name.toLowerCase(), value];
}
