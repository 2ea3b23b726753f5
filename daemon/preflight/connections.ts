/**
 * What of a machine's connections to the outside an upgrade does not carry, and what the mode does to it, by the
 * command line that the target is started with. Pure.
 */
import type { UpgradeMode } from '../upgrade.js';
import type { CommandNeeds, Named } from './command-needs.js';
import type { Finding } from './finding.js';

/** A tap that somebody else opened. */
const OPENED_BEFORE = ['fd', 'fds'];
const OF_VHOST = ['vhost', 'vhostfd', 'vhostfds', 'vhostforce'];

const SCREEN: Finding = {
  code: 'screen_reconnects',
  severity: 'info',
  sentence: 'viewers of the screen are cut off, and find it at the path of the new generation',
  remedy: 'connect them again',
};

/** A state in a file has no descriptors with it, and both VMMs are there at once. */
const TAP_BUSY: Finding = {
  code: 'tap_not_carried',
  severity: 'block',
  sentence: 'the VMM opens its tap by name, which is busy as long as the source has it',
  remedy: 'choose cpr-transfer or cpr-exec; or suspend the machine and restore it on the other build',
};

export interface Carrying {
  /** How many of its sockets nobody but the daemon is a client of. */
  readonly ownSockets: number;
  /** Whether the VMM hands its taps and connections of network cards on with the guest, where it hands descriptors on. */
  readonly carriesNetwork: boolean;
}

const NOTHING: Carrying = { ownSockets: 0, carriesNetwork: false };

export function connectionFindings(
  needs: CommandNeeds,
  mode: UpgradeMode,
  { ownSockets, carriesNetwork }: Carrying = NOTHING,
): readonly Finding[] {
  const sockets = needs.chardevs.filter(({ name }) => name === 'socket').length - ownSockets;
  const vhostDevices = needs.devices.filter(({ name }) => name.startsWith('vhost-'));
  return [
    ...needs.netdevs.flatMap((netdev) => ofNetwork(netdev, mode, carriesNetwork)),
    ...vhostDevices.map(({ name }) => vhost(`device ${name}`)),
    ...(sockets > 0 ? [ofSockets(sockets)] : []),
    ...(needs.options.includes('-vnc') ? [SCREEN] : []),
  ];
}

function ofNetwork(netdev: Named, mode: UpgradeMode, carriesNetwork: boolean): readonly Finding[] {
  const { name, properties } = netdev;
  if (carriesNetwork && mode !== 'cpr-reboot') return [];
  const has = (names: readonly string[]) => properties.some((property) => names.includes(property));
  if (name === 'user') {
    const sentence = 'the user network of the VMM ends with it: the connections through it are cut';
    const remedy = 'use a tap or a network process where connections must live on';
    return [{ code: 'connections_dropped', severity: 'warn', sentence, remedy }];
  }
  if (name === 'stream' || name === 'dgram' || name === 'socket') {
    const sentence = `the network process behind ${name} gets a second connection, and what it knew of the first may be lost`;
    const remedy = 'look that it takes a new connection while the old one is open';
    return [{ code: 'network_reconnects', severity: 'warn', sentence, remedy }];
  }
  if (name === 'vhost-user' || name === 'vhost-vdpa') return [vhost(`network ${name}`)];
  const findings = has(OF_VHOST) ? [vhost(`network ${name}`)] : [];
  if (name !== 'tap' || has(OPENED_BEFORE)) return findings;
  if (carriesNetwork) return [...findings, TAP_BUSY];
  const isTogether = mode === 'cpr-transfer';
  const sentence = `the VMM opens its tap by name${isTogether ? ', which is busy as long as the source has it' : ''}`;
  const remedy = 'give the machine its tap as a nic of its document: the daemon opens it and passes it on';
  return [
    ...findings,
    { code: 'tap_not_carried', severity: isTogether ? 'block' : 'warn', sentence, remedy },
  ];
}

function vhost(what: string): Finding {
  const sentence = `${what} is set up anew by the target: what the back end has under way is not carried`;
  const remedy = 'look that the back end serves a second VMM while the first is there';
  return { code: 'vhost_not_carried', severity: 'warn', sentence, remedy };
}

function ofSockets(count: number): Finding {
  const sentence = `clients of ${count} socket${count === 1 ? '' : 's'} of the VMM are cut off, and find it at the path of the new generation`;
  const remedy = 'connect them again; the console of the daemon goes on by itself';
  return { code: 'sockets_reconnect', severity: 'info', sentence, remedy };
}
