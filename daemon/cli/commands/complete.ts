import { collect } from '../../client/index.js';
import { defineCommand } from '../command.js';
import { one } from '../words.js';

const KINDS = ['machines', 'builds', 'operations', 'upgrades', 'tokens'] as const;
/** Nobody waits longer for a completion. */
const DEADLINE_MS = 1_500;
const MOST = 200;

/** For completion scripts: names that only the daemon knows, a line each, with what they are. Never complains. */
export const command = defineCommand({
  summary: 'Print names for completion',
  description:
    'Prints the names of one kind, a line each: name, tab, what it is. Prints nothing when the daemon does not answer.',
  args: { kind: one('What kind of names', { choices: KINDS }) },
  examples: [['baton __complete machines', 'as completion scripts do']],
  isHidden: true,
  async run({ client, out }, { kind }) {
    const deadline = new Promise<string[]>((resolve) => setTimeout(() => resolve([]), DEADLINE_MS).unref());
    const names = SOURCES[kind as (typeof KINDS)[number]](client).catch(() => []);
    out.lines(await Promise.race([names, deadline]));
  },
});

type Client = Parameters<typeof command.run>[0]['client'];

const SOURCES: Readonly<Record<(typeof KINDS)[number], (client: Client) => Promise<string[]>>> = {
  async machines(client) {
    return (await collect(client.machines.list())).map(({ name, state }) => `${name}\t${state}`);
  },
  async builds(client) {
    return (await collect(client.builds.list())).map(({ id, version }) => `${id}\t${version}`);
  },
  async operations(client) {
    const operations = await collect(client.operations.list({ limit: MOST }));
    return operations.map(({ id, kind, state }) => `${id}\t${kind} ${state}`);
  },
  async upgrades(client) {
    const upgrades = await collect(client.upgrades.list({ limit: MOST }));
    return [
      ...(await SOURCES.machines(client)),
      ...upgrades.map(({ id, state, mode }) => `${id}\t${mode} ${state}`),
    ];
  },
  async tokens(client) {
    return (await client.tokens.list()).map(({ id, name }) => `${id}\t${name}`);
  },
};
