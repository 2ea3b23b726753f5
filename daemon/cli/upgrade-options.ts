/** Where an upgrade shall go and how, as preflight and upgrade take it. */
import type { BatonClient, UpgradeRequest } from '../client/index.js';
import { resolveBuild } from './resolving.js';
import { flag, oneOf, several, text } from './words.js';

const MODES = ['auto', 'cpr-transfer', 'cpr-exec', 'cpr-reboot'] as const;

export const upgradeOptions = {
  to: text('--to <build>', 'The build to go to; else the one that it would start on', {
    completion: 'builds',
  }),
  mode: oneOf('--mode <mode>', 'How to move the guest; auto chooses, and says why', MODES),
  allowDowntime: flag(
    '--allow-downtime',
    'Let auto choose cpr-reboot, in which the guest stands still for long',
  ),
  force: several(text('--force <code>', 'A finding that shall not block; may be repeated')),
  notifyGuest: flag('--no-notify-guest', 'Do not tell the guest'),
  freezeFilesystems: flag('--freeze-filesystems', "Freeze the guest's filesystems meanwhile"),
  reason: text('--reason <text>', 'What the guest is told'),
};

interface Given {
  readonly to: string | undefined;
  readonly mode: UpgradeRequest['mode'];
  readonly allowDowntime: boolean;
  readonly force: string[] | undefined;
  readonly notifyGuest: boolean;
  readonly freezeFilesystems: boolean;
  readonly reason: string | undefined;
}

export async function upgradeRequest(client: BatonClient, given: Given): Promise<UpgradeRequest> {
  const { to, mode, allowDowntime, force, notifyGuest, freezeFilesystems, reason } = given;
  return {
    ...(to === undefined ? {} : { build: (await resolveBuild(client, to)).id }),
    ...(mode === undefined ? {} : { mode }),
    ...(allowDowntime ? { allowDowntime } : {}),
    ...(force === undefined ? {} : { force: force as NonNullable<UpgradeRequest['force']> }),
    ...(notifyGuest ? {} : { notifyGuest }),
    ...(freezeFilesystems ? { freezeFilesystems } : {}),
    ...(reason === undefined ? {} : { reason }),
  };
}
