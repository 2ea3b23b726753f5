/** Disks, as the human monitor shows them. */
import { queryBlock } from '../../qmp/commands/query-block.js';
import { queryBlockstats } from '../../qmp/commands/query-blockstats.js';
import { qmp } from '../command.js';
import { info } from './info.js';

interface Inserted {
  readonly 'node-name': string;
  readonly file: string;
  readonly drv: string;
  readonly ro: boolean;
  readonly cache: { readonly direct: boolean; readonly 'no-flush': boolean };
}

interface Block {
  readonly device: string;
  readonly qdev?: string;
  readonly 'io-status'?: string;
  readonly inserted: Inserted;
}

export const infoBlock = info('block', 'show info of all block devices', async (context) => {
  const blocks = await qmp<readonly Block[]>(context, queryBlock);
  return blocks.map(blockText).join('\n');
});

function blockText({ device, qdev, inserted, 'io-status': status }: Block): string {
  const node = inserted['node-name'];
  const title = device === '' ? node : `${device} (${node})`;
  const modes = ['writeback'];
  if (inserted.cache.direct) modes.push('direct');
  if (inserted.cache['no-flush']) modes.push('ignore flushes');
  return [
    `${title}: ${inserted.file} (${inserted.drv}${inserted.ro ? ', read-only' : ''})\n`,
    ...(qdev === undefined ? [] : [`    Attached to:      ${qdev}\n`]),
    ...(qdev === undefined ? ['    Removable device: not locked, tray closed\n'] : []),
    ...(status === undefined || status === 'ok' ? [] : [`    I/O status:       ${status}\n`]),
    `    Cache mode:       ${modes.join(', ')}\n`,
  ].join('');
}

interface Stats {
  readonly device: string;
  readonly stats: Readonly<Record<string, number>>;
}

export const infoBlockstats = info('blockstats', 'show block device statistics', async (context) => {
  const all = await qmp<readonly Stats[]>(context, queryBlockstats);
  return all
    .map(({ device, stats }) => {
      const counted = (name: string) =>
        [stats[`${name}_operations`], stats[`${name}_total_time_ns`]].map(String);
      const row = (title: string, values: readonly string[]) =>
        `${title.padEnd(8)}${values.map((value) => value.padStart(17)).join('')}\n`;
      const [reads = '', readNs = ''] = counted('rd');
      const [writes = '', writeNs = ''] = counted('wr');
      const [flushes = '', flushNs = ''] = counted('flush');
      return [
        `${device}:\n`,
        row('', ['bytes', 'operations', 'total_time_ns', 'merged']),
        row('Read:', [String(stats.rd_bytes), reads, readNs, '0']),
        row('Write:', [String(stats.wr_bytes), writes, writeNs, '0']),
        row('Flush:', ['', flushes, flushNs]),
      ].join('');
    })
    .join('\n');
});
