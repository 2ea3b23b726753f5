/**
 * Starts a VMM that outlives the daemon, in fresh folders of its generation. The descriptors of its command line are
 * closed here.
 */
import { linkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import * as native from '../../native/index.js';
import { type Instance, type InstancePaths, instancePaths } from '../instance.js';
import type { CommandLine } from './driver.js';
import type { HostProcesses } from './host.js';
import type { Launched } from './program-starter.js';
import { removeVmmFolderSync } from './vmm-folder.js';
import { giveToVmm, makeVmmFolder } from './vmm-user.js';

/** Fresh folders, for the VMMs' user only: whoever reaches cpr.sock gets the guest's memory. */
export function makeInstanceFolders({ socketsDir, logsDir }: Pick<Instance, 'socketsDir' | 'logsDir'>): void {
  removeVmmFolderSync(socketsDir);
  const { consoleInput } = instancePaths({ socketsDir, logsDir });
  makeVmmFolder(socketsDir, () => {
    native.makeFifo(consoleInput);
    giveToVmm(consoleInput);
  });
  makeVmmFolder(logsDir);
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
  const { socketsDir, logsDir } = instance;
  try {
    makeInstanceFolders(instance);
    return await host.start({
      name: `vmm-${basename(dirname(socketsDir))}-${basename(socketsDir)}`,
      log: instancePaths(instance).vmmLog,
      sees: [...new Set([dirname(socketsDir), dirname(logsDir)])],
      ...{ file, args, fds, folder },
    });
  } finally {
    for (const fd of fds) native.closeFd(fd);
  }
}
