/**
 * Processes of this host, known by pid, start time and boot. What `kill` promises is the base of the rollback
 * rule: when it resolves, every thread of the process has ended, so none of them runs a vCPU or holds a
 * descriptor. A pidfd says so for our own children and for adopted processes alike.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import * as native from '../../native/index.js';
import type { ProcessIdentity } from '../instance.js';
import { DeadlineError, until } from './deadline.js';
import { ForkStarter, type Launched, type Program, type ProgramStarter } from './program-starter.js';

const SIGKILL = 9;
const SIGCONT = 18;
const SIGSTOP = 19;
/** Waits hold a thread of Node's small pool: short ones let others in between. */
const POLL_SLICE_MS = 50;
const STOP_POLL_MS = 1;

export interface HostProcesses {
  /** Another one after each boot of the host. */
  readonly bootId: string;
  /** Starts a program that outlives the daemon. */
  start(program: Program): Promise<Launched>;
  /** Who `pid` is right now; null when there is no such process. */
  identify(pid: number): ProcessIdentity | null;
  isAlive(process: ProcessIdentity): boolean;
  /** SIGKILL, then waits for the end. Nothing to do is success. */
  kill(process: ProcessIdentity, deadlineMs: number): Promise<void>;
  /** Stops all its threads. False: it has ended, or does not stop in time; then it goes on. */
  freeze(process: ProcessIdentity, deadlineMs: number): Promise<boolean>;
  /** Nothing to do is success. */
  thaw(process: ProcessIdentity): Promise<void>;
  /** Whether it ended in time. */
  waitForEnd(process: ProcessIdentity, deadlineMs: number): Promise<boolean>;
  /** What it was started with, or what it runs since; empty when it has ended, and for a moment while it execs. */
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** A copy of the first of its descriptors that is of `file` and of which /proc says `line`; null: it has none. */
  copyDescriptor(process: ProcessIdentity, file: string, line: string): Promise<number | null>;
  /** Processes of this user of which an argument begins with `start`. */
  findByArgument(start: string): ProcessIdentity[];
}

interface Stat {
  readonly state: string;
  readonly startTicks: number;
}

/** The second field is the program's name in parentheses and may hold anything, parentheses too. */
function readStat(pid: number | string): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) };
}

/** Each thread stops for itself, when it next leaves the kernel. */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => {
    const state = readStat(`${pid}/task/${thread}`)?.state ?? 'X';
    return state === 'T' || state === 'Z' || state === 'X';
  });
}

function readArguments(pid: number): string[] | null {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine === '' ? [] : commandLine.split('\0');
  } catch {
    return null;
  }
}

/** Its descriptors come and go while they are looked at. */
function findDescriptor(pid: number, file: string, line: string): number | null {
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${name}`) !== file) continue;
      if (readFileSync(`/proc/${pid}/fdinfo/${name}`, 'latin1').split('\n').includes(line))
        return Number(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return null;
}

/** A dead leader stays a zombie while other threads of it still run. */
function hasThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

export class LinuxProcesses implements HostProcesses {
  readonly bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

  readonly #starter: ProgramStarter;

  constructor(starter: ProgramStarter = new ForkStarter()) {
    this.#starter = starter;
  }

  start(program: Program): Promise<Launched> {
    return this.#starter.start(program, (pid) => this.identify(pid));
  }

  identify(pid: number): ProcessIdentity | null {
    const stat = readStat(pid);
    return stat === null ? null : { pid, startTicks: stat.startTicks, bootId: this.bootId };
  }

  isAlive({ pid, startTicks, bootId }: ProcessIdentity): boolean {
    if (bootId !== this.bootId) return false;
    const stat = readStat(pid);
    if (stat === null || stat.startTicks !== startTicks) return false;
    return (stat.state !== 'Z' && stat.state !== 'X') || hasThreads(pid);
  }

  async kill(process: ProcessIdentity, deadlineMs: number): Promise<void> {
    const ended = await this.#withPidfd(process, (pidfd) => {
      this.#signal(pidfd, SIGKILL);
      return this.#waitOn(pidfd, deadlineMs);
    });
    if (ended === false) throw new DeadlineError(`process ${process.pid} to end after SIGKILL`, deadlineMs);
  }

  async freeze(process: ProcessIdentity, deadlineMs: number): Promise<boolean> {
    const frozen = await this.#withPidfd(process, async (pidfd) => {
      this.#signal(pidfd, SIGSTOP);
      const wait = { deadlineMs, what: `process ${process.pid} to stop` };
      try {
        await until(() => (isStopped(process.pid) ? true : null), wait, STOP_POLL_MS);
        return this.isAlive(process);
      } catch {
        this.#signal(pidfd, SIGCONT);
        return false;
      }
    });
    return frozen ?? false;
  }

  async thaw(process: ProcessIdentity): Promise<void> {
    await this.#withPidfd(process, async (pidfd) => this.#signal(pidfd, SIGCONT));
  }

  async waitForEnd(process: ProcessIdentity, deadlineMs: number): Promise<boolean> {
    return (await this.#withPidfd(process, (pidfd) => this.#waitOn(pidfd, deadlineMs))) ?? true;
  }

  argumentsOf(process: ProcessIdentity): readonly string[] {
    return (this.isAlive(process) ? readArguments(process.pid) : null) ?? [];
  }

  copyDescriptor(process: ProcessIdentity, file: string, line: string): Promise<number | null> {
    return this.#withPidfd(process, async (pidfd) => {
      const fd = findDescriptor(process.pid, file, line);
      return fd === null ? null : native.pidfdGetFd(pidfd, fd);
    });
  }

  findByArgument(start: string): ProcessIdentity[] {
    const found: ProcessIdentity[] = [];
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const matches = readArguments(pid)?.some((argument) => argument.startsWith(start)) ?? false;
      const identity = matches ? this.identify(pid) : null;
      if (identity !== null) found.push(identity);
    }
    return found;
  }

  /** Null when the process has gone. The check comes after the open: the descriptor then is of that process. */
  async #withPidfd<T>(process: ProcessIdentity, act: (pidfd: number) => Promise<T>): Promise<T | null> {
    let pidfd: number;
    try {
      pidfd = native.pidfdOpen(process.pid);
    } catch (error) {
      if (error instanceof native.NativeError && error.code === 'ESRCH') return null;
      throw error;
    }
    try {
      return this.isAlive(process) ? await act(pidfd) : null;
    } finally {
      native.closeFd(pidfd);
    }
  }

  #signal(pidfd: number, signal: number): void {
    try {
      native.pidfdSendSignal(pidfd, signal);
    } catch (error) {
      if (!(error instanceof native.NativeError && error.code === 'ESRCH')) throw error;
    }
  }

  async #waitOn(pidfd: number, deadlineMs: number): Promise<boolean> {
    const giveUpAtMs = performance.now() + deadlineMs;
    for (;;) {
      const leftMs = Math.max(0, giveUpAtMs - performance.now());
      const events = await native.pollFd(pidfd, native.POLLIN, Math.ceil(Math.min(POLL_SLICE_MS, leftMs)));
      if (events !== 0) return true;
      if (leftMs === 0) return false;
    }
  }
}
