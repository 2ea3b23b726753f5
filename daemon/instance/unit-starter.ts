/**
 * Starts programs as transient services of systemd, each in a unit of its own below one slice: out of the daemon's
 * control group, sandbox and mount namespace, so that neither its restart nor its upgrade touches them, with limits and a
 * sandbox that a VMM stands. A unit bears the name of what it was started for; what is exec'd in it later stays there.
 * Services and not scopes, since a scope would be forked by us, inside our own sandbox.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as native from '../../native/index.js';
import type { ProcessIdentity } from '../instance.js';
import { vmmEnvironment } from './environment.js';
import {
  type Identify,
  type Launched,
  openOutput,
  type ProcessEnd,
  type Program,
  type ProgramStarter,
} from './program-starter.js';
import { vmmProperties } from './unit-properties.js';
import { giveToVmm, vmmUser } from './vmm-user.js';

/** Made by systemd as it boots a host. */
const SYSTEMD = '/run/systemd/system';
const HEIR = fileURLToPath(new URL('../heir/main.js', import.meta.url));
const START_DEADLINE_MS = 15_000;
const QUESTION_DEADLINE_MS = 5_000;
const POLL_MS = 5_000;
/** Room for the one that is waited for, whoever else comes. */
const BACKLOG = 64;
/** What systemd calls the ends of a process (siginfo). */
const CLD_EXITED = '1';
const SIGNALS: Readonly<Record<string, string>> = {
  '6': 'SIGABRT',
  '9': 'SIGKILL',
  '11': 'SIGSEGV',
  '15': 'SIGTERM',
};

export function hasSystemd(): boolean {
  return existsSync(SYSTEMD);
}

export interface UnitSettings {
  readonly slice: string;
  /** The daemon's folders: a unit sees none of them but those of its machine. */
  readonly hidden: readonly string[];
}

export class UnitStarter implements ProgramStarter {
  readonly #settings: UnitSettings;

  constructor(settings: UnitSettings) {
    this.#settings = settings;
  }

  async start(program: Program, identify: Identify): Promise<Launched> {
    const unit = `baton-${program.name}.service`;
    const output = openOutput(program.log);
    let heritage: Heritage | null = null;
    try {
      if (program.fds.length > 0) heritage = new Heritage(program);
      const commandLine = heritage?.commandLine ?? [program.file, ...program.args];
      const options = this.#options(unit, { ...program, log: pathOfOpen(output) }, commandLine);
      await run('systemd-run', options, START_DEADLINE_MS);
      const pid = Number((await show(unit, 'MainPID')).get('MainPID'));
      if (pid > 0) await heritage?.give(pid);
      const process = pid > 0 ? identify(pid) : null;
      if (process === null) throw new Error(`expected ${program.file} to run, but it ended at once`);
      return { process, end: endOf(unit, process, identify) };
    } catch (error) {
      await run('systemctl', ['kill', '--signal=SIGKILL', unit], QUESTION_DEADLINE_MS).catch(() => undefined);
      await forget(unit);
      throw error;
    } finally {
      heritage?.close();
      closeSync(output);
    }
  }

  #options(unit: string, program: Program, commandLine: readonly string[]): string[] {
    const user = vmmUser();
    const properties = vmmProperties({
      ...program,
      hidden: this.#settings.hidden,
      user: user?.name ?? null,
      group: user === null ? null : String(user.gid),
    });
    const environment = Object.entries(vmmEnvironment(process.env));
    return [
      ...['--quiet', '--service-type=exec', `--unit=${unit}`, `--slice=${this.#settings.slice}`],
      `--description=Baton ${program.name}`,
      ...properties.map((property) => `--property=${property}`),
      ...environment.map(([name, value]) => `--setenv=${name}=${value}`),
      '--',
      /* systemd puts variables of the environment in place of these. */
      ...commandLine.map((word) => word.replaceAll('$', '$$$$')),
    ];
  }
}

/**
 * systemd opens the log as root, by a path, in a folder that other VMMs of the machine can write into. This one leads to the
 * file that we have opened, whatever lies in the folder by then.
 */
function pathOfOpen(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

/** Descriptors on their way to a unit. */
class Heritage {
  readonly commandLine: readonly string[];
  readonly #fds: readonly number[];
  readonly #path: string;
  readonly #listener: number;

  constructor({ sees, fds, file, args }: Program) {
    this.#fds = fds;
    this.#path = `${sees[0]}/f${randomBytes(3).toString('hex')}.sock`;
    this.#listener = native.listenUnix(this.#path, BACKLOG);
    giveToVmm(this.#path);
    this.commandLine = [process.execPath, HEIR, this.#path, String(fds.length), file, ...args];
  }

  /** To that process alone: it becomes the program. */
  async give(pid: number): Promise<void> {
    const connection = await this.#connectionOf(pid);
    try {
      native.sendMessage(connection, Buffer.of(0), this.#fds);
      /* It hangs up when it has become the program, and when it could not. */
      await native.pollFd(connection, native.POLLRDHUP, QUESTION_DEADLINE_MS);
    } finally {
      native.closeFd(connection);
    }
  }

  /** All VMMs are one user, whose socket it is: others of them that come are hung up on. */
  async #connectionOf(pid: number): Promise<number> {
    const giveUpAtMs = performance.now() + QUESTION_DEADLINE_MS;
    for (;;) {
      const leftMs = Math.ceil(giveUpAtMs - performance.now());
      if (leftMs <= 0) throw new Error('expected the new process to ask for its descriptors');
      await native.pollFd(this.#listener, native.POLLIN, leftMs);
      const connection = native.acceptUnix(this.#listener);
      if (connection === null) continue;
      if (native.peerCredentials(connection).pid === pid) return connection;
      native.closeFd(connection);
    }
  }

  close(): void {
    native.closeFd(this.#listener);
    rmSync(this.#path, { force: true });
  }
}

async function run(file: string, args: readonly string[], deadlineMs: number): Promise<string> {
  const { failed, stdout, stderr, shortMessage } = await execa(file, args, {
    cwd: '/',
    timeout: deadlineMs,
    reject: false,
    stdin: 'ignore',
  });
  if (failed) throw new Error(`${file} failed: ${stderr.trim() || shortMessage}`);
  return stdout;
}

async function show(unit: string, ...properties: string[]): Promise<Map<string, string>> {
  const answer = await run(
    'systemctl',
    ['show', `--property=${properties.join(',')}`, unit],
    QUESTION_DEADLINE_MS,
  );
  return new Map(answer.split('\n').map((line) => line.split('=', 2) as [string, string]));
}

/** A unit that failed stays until this is said. */
async function forget(unit: string): Promise<void> {
  await run('systemctl', ['reset-failed', unit], QUESTION_DEADLINE_MS).catch(() => undefined);
}

/** systemd is the parent of the process, and the one who knows how it ended. */
async function endOf(unit: string, process: ProcessIdentity, identify: Identify): Promise<ProcessEnd> {
  let pidfd: number;
  try {
    pidfd = native.pidfdOpen(process.pid);
  } catch {
    return howItEnded(unit);
  }
  try {
    /* The descriptor is of that process when it is still there afterwards. */
    const isSame = identify(process.pid)?.startTicks === process.startTicks;
    while (isSame && (await native.pollFd(pidfd, native.POLLIN, POLL_MS)) === 0);
  } finally {
    native.closeFd(pidfd);
  }
  return howItEnded(unit);
}

/** One that ended well is forgotten by systemd at once; its words then are those of a unit that never was. */
async function howItEnded(unit: string): Promise<ProcessEnd> {
  try {
    const words = await show(unit, 'LoadState', 'ExecMainCode', 'ExecMainStatus');
    await forget(unit);
    const [code, status = ''] = [words.get('ExecMainCode'), words.get('ExecMainStatus')];
    if (code === '0') return { exitCode: 0, exitSignal: null };
    if (code === CLD_EXITED) return { exitCode: Number(status), exitSignal: null };
    return { exitCode: null, exitSignal: SIGNALS[status] ?? `signal ${status}` };
  } catch {
    return { exitCode: null, exitSignal: null };
  }
}
