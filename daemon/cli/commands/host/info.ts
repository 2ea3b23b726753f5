import { type BatonClient, type HostInformation, ProblemError } from '../../../client/index.js';
import { defineCommand } from '../../command.js';
import { formatAge, formatBytes } from '../../quantities.js';

export const command = defineCommand({
  summary: 'Show the host, its daemon, and who you are',
  description:
    'Shows the host, what its daemon is and can do, how many machines there are, and who the daemon takes you for.',
  examples: [
    ['baton host info', 'what there is to know'],
    ['baton host info --json', 'for scripts'],
  ],
  async run({ client, out, json, version }) {
    const [root, host, you] = await Promise.all([client.host.root(), client.host.info(), whoami(client)]);
    if (json) return out.json({ ...host, daemon: root, you });
    const { memoryAvailableBytes, machines } = host;
    const states = Object.entries(machines.byState).filter(([, count]) => count > 0);
    const available = memoryAvailableBytes === null ? '' : `, ${formatBytes(memoryAvailableBytes)} available`;
    out.card([
      ['host', `${host.hostname}, Linux ${host.kernel}, ${host.architecture}`],
      ['processors', String(host.cpus)],
      ['memory', `${formatBytes(host.memoryBytes)}${available}`],
      ['state in', room(host.stateDir)],
      ['runtime in', room(host.runtimeDir)],
      [
        'batond',
        `${host.versions.batond} on Node ${host.versions.node}, started ${formatAge(host.startedAt, out.nowMs())}`,
      ],
      ['baton', version],
      ['machines', [machines.total, ...states.map(([state, count]) => `${count} ${state}`)].join(', ')],
      ['modes', root.modes.join(', ')],
      ['abilities', root.abilities.join(', ')],
      ['you are', you === null ? null : `${you.via}:${you.name}, ${you.role}`],
    ]);
  },
});

function room(folder: HostInformation['stateDir']): string | null {
  if (folder === null) return null;
  return `${folder.path}, ${formatBytes(folder.freeBytes)} of ${formatBytes(folder.totalBytes)} free`;
}

/** Null: a daemon that does not say. */
async function whoami(client: BatonClient) {
  try {
    return await client.host.whoami();
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'route_not_found') return null;
    throw error;
  }
}
