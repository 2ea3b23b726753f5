/**
 * The unprivileged user that VMMs, and whatever is asked what it can do, run as; and the folders that they may write
 * into. Told once, as the daemon starts. Without one they run as the daemon does, and every folder is its own.
 */
import { chmodSync, fchownSync, lchownSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Account } from '../service/accounts.js';

let account: Account | null = null;

export function runVmmsAs(user: Account | null): void {
  account = user;
}

export function vmmUser(): Account | null {
  return account;
}

export function runsVmmsAsRoot(): boolean {
  return (account?.uid ?? process.geteuid?.()) === 0;
}

/**
 * A command line that runs as that user, with the groups that it is in, such as the one of /dev/kvm: Node knows a user and
 * one group, and drops the others. The program has the process of the command.
 */
export function asVmmUser(file: string, args: readonly string[]): { file: string; args: readonly string[] } {
  if (account === null) return { file, args };
  const { uid, gid } = account;
  return {
    file: 'setpriv',
    args: [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', file, ...args],
  };
}

/** A file or a folder that the daemon has made; never what a VMM has made of it since, such as a link to another file. */
export function giveToVmm(path: string): void {
  if (account !== null) lchownSync(path, account.uid, account.gid);
}

/** One that is open: whatever has its name by now. */
export function giveOpenFileToVmm(fd: number): void {
  if (account !== null) fchownSync(fd, account.uid, account.gid);
}

/** A folder through which a VMM reaches its own: it can be entered by name, and not looked at. */
export function makePassage(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (account !== null) chmodSync(path, 0o711);
}

/**
 * A folder of VMMs, and of nobody else, two levels below the daemon's own. `fill` puts things into one that was not there
 * while it still is the daemon's: all VMMs are one user, and another could put a link in their place.
 */
export function makeVmmFolder(path: string, fill: () => void = () => undefined): void {
  makePassage(dirname(dirname(path)));
  makePassage(dirname(path));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  fill();
  giveToVmm(path);
}
