/** What memory the VM has. */
import { queryMemdev } from '../../qmp/commands/query-memdev.js';
import { queryMemorySizeSummary } from '../../qmp/commands/query-memory-size-summary.js';
import { qmp } from '../command.js';
import { info } from './info.js';

interface Memdev {
  readonly id: string;
  readonly size: number;
  readonly merge: boolean;
  readonly dump: boolean;
  readonly prealloc: boolean;
  readonly share: boolean;
  readonly policy: string;
}

export const infoMemdev = info('memdev', 'show memory backends', async (context) => {
  const backends = await qmp<readonly Memdev[]>(context, queryMemdev);
  const shown = backends.map(({ id, size, merge, dump, prealloc, share, policy }) =>
    [
      `memory backend: ${id}`,
      `  size:  ${size}`,
      `  merge: ${merge}`,
      `  dump: ${dump}`,
      `  prealloc: ${prealloc}`,
      `  share: ${share}`,
      `  policy: ${policy}`,
      '  host nodes: ',
      '',
      '',
    ].join('\n'),
  );
  return shown.join('');
});

export const infoMemorySizeSummary = info(
  'memory_size_summary',
  'show the amount of initially allocated memory in bytes',
  async (context) => {
    const summary = await qmp<{ 'base-memory': number }>(context, queryMemorySizeSummary);
    return `base memory: ${summary['base-memory']}\n`;
  },
);
