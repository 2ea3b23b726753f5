/**
 * How a program that outlives the daemon is started: forked, with a session of its own, or by systemd in a unit of its
 * own (`unit-starter.ts`). Either way it runs as the VMMs' user, its output goes into a file, there is no pipe to us, and
 * it has none of our descriptors but those that it is to inherit.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fstatSync } from 'node:fs';
import type { ProcessIdentity } from '../instance.js';
import { vmmEnvironment } from './environment.js';
import { openVmmFileSync } from './vmm-file.js';
import { asVmmUser, giveOpenFileToVmm } from './vmm-user.js';

const OUTPUT = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

export interface Launched {
  readonly process: ProcessIdentity;
  readonly end: Promise<ProcessEnd>;
}

export interface Program {
  /** What it is, for people and for the name of its unit: `vmm-<machine>-<generation>`. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Where its output is added to. */
  readonly log: string;
  /** The daemon's descriptors that it gets as 3, 4, …; they stay the daemon's as well. */
  readonly fds: readonly number[];
  /** Where it is started. */
  readonly folder: string;
  /** The folders of its machine: what it sees of the daemon's. */
  readonly sees: readonly string[];
}

export type Identify = (pid: number) => ProcessIdentity | null;

export interface ProgramStarter {
  start(program: Program, identify: Identify): Promise<Launched>;
}

/**
 * For what a program says, which is added to what is there, and is its user's. Others of that user can write into the folder:
 * a link in its place is refused, of either kind.
 */
export function openOutput(path: string): number {
  const fd = openVmmFileSync(path, OUTPUT);
  try {
    if (fstatSync(fd).nlink > 1) throw new Error(`expected ${path} to be a file with no other name`);
    giveOpenFileToVmm(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Node's own spawn, since nothing of the child is to be read, piped, or ended with us. */
export class ForkStarter implements ProgramStarter {
  async start({ file, args, fds, folder, log: path }: Program, identify: Identify): Promise<Launched> {
    const log = openOutput(path);
    try {
      const own = asVmmUser(file, args);
      const child = spawn(own.file, own.args, {
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
      const identity = child.pid === undefined ? null : identify(child.pid);
      if (identity === null) throw new Error(`expected ${file} to run, but it ended at once`);
      child.unref();
      return { process: identity, end };
    } finally {
      closeSync(log);
    }
  }
}
