/** Who the VM and the VMM are. */
import { queryName } from '../../qmp/commands/query-name.js';
import { queryUuid } from '../../qmp/commands/query-uuid.js';
import { queryVersion } from '../../qmp/commands/query-version.js';
import type { VersionInfo } from '../../qmp/protocol.js';
import { qmp } from '../command.js';
import { info } from './info.js';

export const infoName = info('name', 'show the current VM name', async (context) => {
  const { name } = await qmp<{ name?: string }>(context, queryName);
  return name === undefined ? '' : `${name}\n`;
});

export const infoUuid = info('uuid', 'show the current VM UUID', async (context) => {
  const { UUID } = await qmp<{ UUID: string }>(context, queryUuid);
  return `${UUID}\n`;
});

export const infoVersion = info('version', 'show the version of the VMM', async (context) => {
  const version = await qmp<VersionInfo>(context, queryVersion);
  const { major, minor, micro } = version.qemu;
  return `${major}.${minor}.${micro}${version.package}\n`;
});
