/** The network devices, and what is plugged into them. */
import type { MonitorContext } from '../../qmp/command.js';
import { info } from './info.js';

async function show({ vm }: MonitorContext): Promise<string> {
  const { nics, netdevs } = await vm.network({ kind: 'report' });
  const shown = new Map(
    netdevs.map(({ id, type, summary }) => [id, `${id}: index=0,type=${type},${summary}\n`]),
  );
  const unused = netdevs.filter(({ id }) => !nics.some(({ netdev }) => netdev === id));
  const ofNics = nics.map(({ name, driver, mac, netdev }) => {
    const peer = netdev === null ? '' : ` \\ ${shown.get(netdev) ?? ''}`;
    return `${name}: index=0,type=nic,model=${driver},macaddr=${mac}\n${peer}`;
  });
  return [...unused.map(({ id }) => shown.get(id) ?? ''), ...ofNics].join('');
}

export const infoNetwork = info('network', 'show the network state', show);
