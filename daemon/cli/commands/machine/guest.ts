import { defineCommand } from '../../command.js';
import { usageError } from '../../exit-codes.js';
import { safe } from '../../output/style.js';
import { formatBytes } from '../../quantities.js';
import { duration, flag, machineArgument } from '../../words.js';

export const command = defineCommand({
  summary: 'Ask the guest of a machine, or freeze its filesystems',
  description:
    'Shows what the guest says of itself, if its agent answers. With --freeze its filesystems are frozen, as for a copy of its disks; the daemon thaws them in time if nobody does before.',
  args: { machine: machineArgument },
  options: {
    freeze: flag('--freeze', 'Freeze its filesystems'),
    maxTime: duration('--max-time <duration>', 'When the daemon thaws them at the latest; it takes 30s'),
    thaw: flag('--thaw', 'Thaw its filesystems, whoever froze them'),
  },
  examples: [
    ['baton machine guest web1', 'what it says of itself'],
    ['baton machine guest web1 --freeze --max-time 1m', 'for a copy of its disks'],
    ['baton machine guest web1 --thaw', 'and on'],
  ],
  async run({ client, out, json }, { machine }, { freeze, maxTime, thaw }) {
    if (freeze && thaw) throw usageError('expected --freeze or --thaw, got both');
    if (freeze) {
      const frozen = await client.machines.freezeGuest(
        machine,
        maxTime === undefined ? {} : { maxMs: maxTime },
      );
      if (json) out.json(frozen);
      else
        out.line(
          `${frozen.filesystems} filesystems of ${machine} are frozen, until ${frozen.thawsAt} at the latest.`,
        );
      return;
    }
    if (thaw) {
      const thawed = await client.machines.thawGuest(machine);
      if (json) out.json(thawed);
      else out.line(`${thawed.filesystems} filesystems of ${machine} were thawed.`);
      return;
    }
    const guest = await client.machines.guest(machine);
    if (json) return out.json(guest);
    const { system, interfaces, filesystems } = guest;
    const addresses = (interfaces ?? []).flatMap((card) =>
      card.addresses.map(
        ({ address, prefix }) => `${card.name} ${address}${prefix === null ? '' : `/${prefix}`}`,
      ),
    );
    const mounted = (filesystems ?? []).map(({ mountpoint, type, usedBytes, totalBytes }) => {
      const room =
        usedBytes === null || totalBytes === null
          ? ''
          : ` ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)}`;
      return `${mountpoint} ${type ?? ''}${room}`;
    });
    const said = (text: string | null | undefined) => (text ? safe(text) : null);
    out.card([
      ['name', said(guest.hostname)],
      ['system', said([system?.name, system?.version].filter(Boolean).join(' '))],
      ['kernel', said(system?.kernel)],
      ['addresses', said(addresses.join('\n'))],
      ['filesystems', said(mounted.join('\n'))],
      ['frozen', guest.isFrozen === null ? null : guest.isFrozen ? 'yes' : 'no'],
      ['agent', said(guest.agentVersion)],
    ]);
  },
});
