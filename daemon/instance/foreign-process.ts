/**
 * What the kernel knows of a process that somebody else started: enough to start another one like it. Whoever may be
 * taken over runs as the user of the daemon and sees the same files and networks: what is started in its place does.
 */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { geteuid } from 'node:process';
import { argumentsOf, programFilesOf } from './program-files.js';

export interface ForeignProcess {
  readonly pid: number;
  /** Real path. The file may have been replaced or removed since: then it is not what runs. */
  readonly executable: string;
  readonly isReplaced: boolean;
  /** The executable, and what it loaded if it is a loader. */
  readonly programs: readonly string[];
  readonly argv: readonly string[];
  /** Relative paths of its command line are meant from here. */
  readonly folder: string;
}

const DELETED = ' (deleted)';
const SHARED_NAMESPACES = ['mnt', 'net', 'pid'] as const;

/** Throws a sentence when the process is gone, or could not be replaced by one of ours. */
export function readForeign(pid: number): ForeignProcess {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (Number(uid) !== geteuid?.()) {
    throw new Error(`runs as user ${uid}, but the daemon as ${geteuid?.()}: run a daemon as that user`);
  }
  for (const name of SHARED_NAMESPACES) {
    if (readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`)) {
      throw new Error(`is in another ${name} namespace, as in a container: run a daemon in there`);
    }
  }
  const executable = readlinkSync(`/proc/${pid}/exe`);
  const argv = argumentsOf(pid);
  return {
    pid,
    executable: executable.endsWith(DELETED) ? executable.slice(0, -DELETED.length) : executable,
    isReplaced: executable.endsWith(DELETED),
    programs: programFilesOf(pid),
    argv,
    folder: folderOf(pid, argv),
  };
}

/** A process that daemonized has gone to the root; its environment still tells where it was started. */
function folderOf(pid: number, argv: readonly string[]): string {
  const now = readlinkSync(`/proc/${pid}/cwd`);
  if (!argv.some((argument) => /^--?daemonize$/.test(argument))) return now;
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const before = variables.find((variable) => variable.startsWith('PWD=/'))?.slice('PWD='.length);
  return before !== undefined && existsSync(before) && statSync(before).isDirectory() ? before : now;
}
