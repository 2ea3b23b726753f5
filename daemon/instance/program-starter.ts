/**
 * How a program that outlives the daemon is started: forked, with a session of its own, or by systemd in a unit of its
 * own (`unit-starter.ts`). Either way it runs as the VMMs' user, its output goes into a file, there is no pipe to us, and
 * it has none of our descriptors but those that it is to inherit.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants } from 'node:fs';
import type { ProcessIdentity } from '../instance.js';
import { vmmEnvironment } from './environment.js';
import { openVmmFileSync } from './vmm-file.js';
import { asVmmUser, giveToVmm } from './vmm-user.js';

/** Its output is added to what is there. */
export const OUTPUT = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

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

/** Node's own spawn, since nothing of the child is to be read, piped, or ended with us. */
export class ForkStarter implements ProgramStarter {
  async start({ file, args, fds, folder, log: path }: Program, identify: Identify): Promise<Launched> {
    const log = openVmmFileSync(path, OUTPUT);
    try {
      giveToVmm(path);
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
