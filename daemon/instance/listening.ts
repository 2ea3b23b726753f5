/**
 * Whether somebody listens on a unix socket, without connecting to it: a VMM that waits for its source would take
 * us for that. A socket's file is there a moment before its owner listens, so the kernel's list is asked.
 */
import { existsSync, readFileSync } from 'node:fs';

/** __SO_ACCEPTCON in the column of flags. */
const LISTENS = 0x10000;
/**
 * A file that is not listed was renamed into place by a VMM that listens already, as baton-vmm does, or is of
 * another network namespace. The kernel lists a socket in place a moment after its file is there.
 */
const UNLISTED_GRACE_MS = 20;

/** Num RefCount Protocol Flags Type St Inode Path */
function flagsOf(path: string): number | null {
  for (const line of readFileSync('/proc/net/unix', 'latin1').split('\n')) {
    if (line.endsWith(` ${path}`)) return Number.parseInt(line.split(/ +/)[3] ?? '', 16);
  }
  return null;
}

/** Returns a function that says so when asked again and again. */
export function listeningAt(path: string, nowMs: () => number = () => performance.now()): () => boolean {
  let seenAtMs: number | null = null;
  return () => {
    if (!existsSync(path)) return false;
    seenAtMs ??= nowMs();
    const flags = flagsOf(path);
    if (flags === null) return nowMs() - seenAtMs > UNLISTED_GRACE_MS;
    return (flags & LISTENS) !== 0;
  };
}
