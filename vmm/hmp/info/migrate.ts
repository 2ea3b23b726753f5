/** How migration stands and is set. */
import { queryMigrate } from '../../qmp/commands/query-migrate.js';
import { queryMigrateCapabilities } from '../../qmp/commands/query-migrate-capabilities.js';
import { queryMigrateParameters } from '../../qmp/commands/query-migrate-parameters.js';
import type { MigrationInfo } from '../../qmp/protocol.js';
import { qmp } from '../command.js';
import { info } from './info.js';

const MIB = 1024 * 1024;

export const infoMigrate = info('migrate', 'show migration status', async (context) => {
  const migration = await qmp<MigrationInfo>(context, queryMigrate);
  const lines: string[] = [];
  const { status, ram, 'blocked-reasons': blocked, 'error-desc': reason } = migration;
  if (blocked !== undefined && blocked.length > 0) {
    lines.push('Outgoing migration blocked:', ...blocked.map((words) => `  ${words}`));
  }
  if (status !== undefined) lines.push(`Status: \t\t${status}${reason === undefined ? '' : ` (${reason})`}`);
  const times = timesOf(migration);
  if (times !== '') lines.push(`Time (ms): \t\t${times}`);
  if (ram !== undefined) {
    const { transferred, remaining, total } = ram;
    lines.push(
      'RAM info:',
      `  Sizes: \t\tpagesize=4 KiB, total=${size(total)}`,
      `  Transfers: \t\ttransferred=${size(transferred)}, remain=${size(remaining)}`,
    );
  }
  for (const address of migration['socket-address'] ?? []) {
    const words = address.type === 'unix' ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`;
    lines.push(`Sockets: [\n\t${words}\n]`);
  }
  return lines.map((line) => `${line}\n`).join('');
});

function timesOf(migration: MigrationInfo): string {
  const named = { total: 'total-time', setup: 'setup-time', down: 'downtime' } as const;
  return Object.entries(named)
    .flatMap(([name, key]) => (migration[key] === undefined ? [] : `${name}=${migration[key]}`))
    .join(', ');
}

function size(bytes: number): string {
  if (bytes >= MIB) return `${Number((bytes / MIB).toPrecision(3))} MiB`;
  return bytes >= 1024 ? `${Number((bytes / 1024).toPrecision(3))} KiB` : `${bytes} B`;
}

export const infoMigrateParameters = info(
  'migrate_parameters',
  'show current migration parameters',
  async (context) => {
    const parameters = await qmp<Record<string, unknown>>(context, queryMigrateParameters);
    return Object.entries(parameters)
      .map(([name, value]) => `${name}:${wordsOf(value)}\n`)
      .join('');
  },
);

function wordsOf(value: unknown): string {
  if (Array.isArray(value)) return value.map((word) => ` ${word}`).join('');
  if (typeof value === 'boolean') return value ? ' on' : ' off';
  return value === '' ? " ''" : ` ${value}`;
}

export const infoMigrateCapabilities = info(
  'migrate_capabilities',
  'show current migration capabilities',
  async (context) => {
    const list = await qmp<readonly { capability: string; state: boolean }[]>(
      context,
      queryMigrateCapabilities,
    );
    return list.map(({ capability, state }) => `${capability}: ${state ? 'on' : 'off'}\n`).join('');
  },
);
