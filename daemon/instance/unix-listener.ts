/**
 * Whether somebody listens at a unix socket's path, found without connecting: a VMM takes the first connection to its
 * CPR channel for the hand-over. That the file exists is not enough, as it does from bind() on, a moment before
 * listen(), and stays when its owner has died.
 */
import { readFileSync } from 'node:fs';

/** Num, RefCount, Protocol, Flags, Type, St, Inode, Path: the kernel's table of the unix sockets of this namespace. */
const TABLE = '/proc/net/unix';
const FLAGS_COLUMN = 3;
/** __SO_ACCEPTCON. */
const LISTENING = 0x10000;

export function isListening(path: string): boolean {
  const suffix = ` ${path}`;
  return readFileSync(TABLE, 'utf8')
    .split('\n')
    .some((line) => line.endsWith(suffix) && (flagsOf(line) & LISTENING) !== 0);
}

function flagsOf(line: string): number {
  return Number.parseInt(line.split(/\s+/)[FLAGS_COLUMN] ?? '', 16);
}
