/** What the guest says, as the daemon hands out the consoles of a machine. */

import { type DiskLine, readDisk } from '../guests/linux/disk-lines.js';
import { waitFor } from '../helpers/wait.js';
import type { DaemonClient } from './daemon-client.js';
import { readTicker, type TickerLog } from './ticker-lines.js';

interface MachineDocument {
  readonly generation: number | null;
}

/** The disk's lines. Throws when the guest found anything wrong. */
export async function readDiskOf(
  client: DaemonClient,
  machine: string,
  generations: 'all' | 'newest' = 'all',
): Promise<DiskLine[]> {
  return readDisk(await readConsoles(client, machine, generations));
}

/** What each generation's console brought, oldest first. */
export async function readConsoles(
  client: DaemonClient,
  machine: string,
  generations: 'all' | 'newest',
): Promise<string[]> {
  const { generation: last } = await client.get<MachineDocument>(machine);
  const consoles: string[] = [];
  const first = generations === 'all' ? 1 : (last ?? 1);
  for (let generation = first; generation <= (last ?? 0); generation++) {
    const path = `${machine}/instances/${generation}/console`;
    consoles.push((await client.getText(path, 'console_not_found')) ?? '');
  }
  return consoles;
}

/**
 * `machine` is the machine's path. The consoles of all generations are one stream; of the `newest` alone,
 * a line that its source began counts as damaged.
 */
export async function readTickerOf(
  client: DaemonClient,
  machine: string,
  generations: 'all' | 'newest' = 'all',
): Promise<TickerLog> {
  const consoles = await readConsoles(client, machine, generations);
  return generations === 'all' ? readTicker(consoles) : readTicker(['ticker: start\n', ...consoles]);
}

/** Waits until the guest has printed a number of lines in all (or on the newest console). */
export async function waitForTicker(
  client: DaemonClient,
  machine: string,
  count: number,
  deadlineMs: number,
  generations: 'all' | 'newest' = 'all',
): Promise<TickerLog> {
  const enough = async () => {
    const log = await readTickerOf(client, machine, generations);
    return log.lines.length >= count ? log : undefined;
  };
  return waitFor(enough, { deadlineMs, what: `${count} lines of the guest's ticker` });
}
