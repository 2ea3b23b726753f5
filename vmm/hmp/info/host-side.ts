/** What the VM is connected to on the host's side. */
import { queryChardev } from '../../qmp/commands/query-chardev.js';
import { qmp } from '../command.js';
import { info } from './info.js';

export const infoChardev = info('chardev', 'show the character devices', async (context) => {
  const chardevs = await qmp<readonly { label: string; filename: string }[]>(context, queryChardev);
  return chardevs
    .map(({ label, filename }) => `${label}: filename=${filename}\n`)
    .sort()
    .join('');
});
