/** What the machine has none of: the answers that clients expect then. */
import { queryHotpluggableCpus } from '../../qmp/commands/query-hotpluggable-cpus.js';
import { queryKvm } from '../../qmp/commands/query-kvm.js';
import { qmp } from '../command.js';
import { info } from './info.js';

export const infoKvm = info(
  'kvm',
  'show whether the processor is run by the host kernel',
  async (context) => {
    const { present, enabled } = await qmp<{ present: boolean; enabled: boolean }>(context, queryKvm);
    if (!present) return 'kvm support: not compiled\n';
    return `kvm support: ${enabled ? 'enabled' : 'disabled'}\n`;
  },
);

export const infoHotpluggableCpus = info('hotpluggable-cpus', 'show processors to plug', async (context) => {
  await qmp(context, queryHotpluggableCpus);
  return '';
});

export const infoIothreads = info('iothreads', 'show threads for I/O', () => '');
export const infoMemoryDevices = info('memory-devices', 'show plugged memory', () => '');
export const infoNuma = info('numa', 'show nodes of memory', () => '0 nodes\n');
