/**
 * Descriptors that whoever started this process has left open for it, named by number. A number may just as well be one
 * that this program uses itself: those that can be told are refused.
 */
import { fstatSync, readlinkSync } from 'node:fs';
import { closeFd, duplicateFd } from '../../native/index.js';
import { OptionError } from '../options/error.js';
import type { AddFdOptions } from '../options/options.js';

const FIRST = 3;
/** What an event loop is made of. */
const OWN = /^anon_inode:\[?(eventpoll|eventfd|io_uring|timerfd|signalfd)\]?$/;

/**
 * The same entries with copies, the caller's. Those that were left are closed, so that programs started from here do
 * not get them. Throws `OptionError`.
 */
export function adoptInherited(entries: readonly AddFdOptions[]): AddFdOptions[] {
  for (const { fd } of entries) check(fd);
  const adopted = entries.map((entry) => ({ ...entry, fd: duplicateFd(entry.fd) }));
  for (const fd of new Set(entries.map((entry) => entry.fd))) closeFd(fd);
  return adopted;
}

function check(fd: number): void {
  const refuse = (why: string) => new OptionError('-add-fd', `descriptor ${fd} ${why}`);
  if (fd < FIRST) throw refuse('cannot be a standard I/O stream');
  try {
    fstatSync(fd);
  } catch {
    throw refuse('is not open');
  }
  if (OWN.test(readlinkSync(`/proc/self/fd/${fd}`))) throw refuse('was not open when this process started');
}
