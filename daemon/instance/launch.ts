/**
 * Starts a VMM that outlives the daemon: a session of its own, its output in a file, no pipe to us, and none of
 * our descriptors but those of its command line, which are closed here. Also the folders that it lives in. Node's
 * own spawn, since nothing of the child is to be read, piped, or ended with us.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, linkSync, mkdirSync, openSync, rmSync } from 'node:fs';
import * as native from '../../native/index.js';
import { type Instance, type InstancePaths, instancePaths, type ProcessIdentity } from '../instance.js';
import type { CommandLine } from './driver.js';
import { vmmEnvironment } from './environment.js';
import type { HostProcesses } from './host.js';

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

export interface Launched {
  readonly process: ProcessIdentity;
  readonly end: Promise<ProcessEnd>;
}

/** Fresh folders, for the daemon's user only: whoever reaches cpr.sock gets the guest's memory. */
export function makeInstanceFolders({ socketsDir, logsDir }: Pick<Instance, 'socketsDir' | 'logsDir'>): void {
  rmSync(socketsDir, { recursive: true, force: true });
  mkdirSync(socketsDir, { recursive: true, mode: 0o700 });
  mkdirSync(logsDir, { recursive: true, mode: 0o700 });
  native.makeFifo(instancePaths({ socketsDir, logsDir }).consoleInput);
}

/** For a program that takes over the process of `source`, which goes on writing its words to the file that it has. */
export function makeSuccessorFolders(
  successor: Pick<Instance, 'socketsDir' | 'logsDir'>,
  source: InstancePaths,
): void {
  makeInstanceFolders(successor);
  linkSync(source.vmmLog, instancePaths(successor).vmmLog);
}

/** The descriptors are the child's afterwards, also when there is none. */
export async function launch(
  instance: Pick<Instance, 'socketsDir' | 'logsDir'>,
  { file, args, fds = [], folder = '/' }: CommandLine,
  host: HostProcesses,
): Promise<Launched> {
  let log: number | null = null;
  try {
    makeInstanceFolders(instance);
    log = openSync(instancePaths(instance).vmmLog, 'a', 0o600);
    const child = spawn(file, args, {
      detached: true,
      cwd: folder,
      env: vmmEnvironment(process.env),
      stdio: ['ignore', log, log, ...fds],
    });
    const spawned = once(child, 'spawn');
    const end = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (exitCode, exitSignal) => resolve({ exitCode, exitSignal }));
    });
    await spawned;
    const identity = child.pid === undefined ? null : host.identify(child.pid);
    if (identity === null) throw new Error(`expected ${file} to run, but it ended at once`);
    child.unref();
    return { process: identity, end };
  } finally {
    if (log !== null) closeSync(log);
    for (const fd of fds) native.closeFd(fd);
  }
}
