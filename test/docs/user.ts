/**
 * Somebody who types what a page says: one bash for the page, in a folder of its own that is its home, with the
 * programs in its PATH and, if the page does not start one itself, a daemon that listens where `baton` looks. Absolute
 * paths below /tmp, /usr/bin/qemu-*, /srv, /opt, /run/baton, /var/lib/baton, /etc/baton and /backup are below that folder: the only
 * thing that is changed in what the page says.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { execa } from 'execa';
import { ticker } from '../guests/ticker.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { type Block, ROOT } from './page.js';

const PAGE_DEADLINE_MS = 240_000;
const DOWNLOAD_DEADLINE_MS = 1_800_000;
/** Blocks that download, which takes minutes, are run when it is 1. */
export const NETWORK = 'BATON_DOCS_NETWORK';
const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 20_000;
const MOVED =
  /(?<![\w.$~}/-])\/(tmp|srv|opt|usr\/bin(?=\/qemu-)|run\/baton|var\/lib\/baton|etc\/baton|backup)(?=[/\s"',;:)]|$)/g;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
/** How long what does not end by itself has to print something. */
const ENDLESS_S = 4;
const MARK = '=== block ';

function pageDeadlineMs(): number {
  return process.env[NETWORK] === '1' ? DOWNLOAD_DEADLINE_MS : PAGE_DEADLINE_MS;
}

export interface Outcome {
  readonly block: Block;
  readonly output: string;
  /** Null: all its commands ended with 0. */
  readonly failure: string | null;
}

export interface UserOptions {
  /** Where the page is read; default: a folder of the user's own. */
  readonly cwd?: string;
  /** Commands before those of the page: what it says is there already. */
  readonly before?: string;
  readonly hasDaemon: boolean;
}

export class User {
  readonly #dir: TempDir;
  readonly #options: UserOptions;
  #daemon: ChildProcess | null = null;

  private constructor(dir: TempDir, options: UserOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  static async create(options: UserOptions): Promise<User> {
    const user = new User(await tempDir(), options);
    const { root } = user;
    for (const name of [
      'home',
      'bin',
      'usr/bin',
      'opt/qemu-11.1/bin',
      'tmp',
      'srv',
      'opt',
      'backup',
      'etc/baton',
      'run/baton',
      'var/lib/baton',
    ]) {
      mkdirSync(`${root}/${name}`, { recursive: true });
    }
    writeFileSync(`${root}/srv/web1.kernel`, ticker({ patternMiB: 2 }).bytes);
    if (options.hasDaemon) {
      user.#install();
      await user.#startDaemon();
    }
    return user;
  }

  get root(): string {
    return this.#dir.path;
  }

  get #socket(): string {
    return `${this.root}/run/baton/batond.sock`;
  }

  /** As npm installs it: the programs of package.json by their names. */
  #install(): void {
    const { bin } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
      bin: Record<string, string>;
    };
    for (const [name, path] of Object.entries(bin)) {
      const program = path.endsWith('js') ? `'${process.execPath}' '${ROOT}${path}'` : `'${ROOT}${path}'`;
      writeFileSync(`${this.root}/bin/${name}`, `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
    }
  }

  async #startDaemon(): Promise<void> {
    const folders = ['--state-dir', `${this.root}/var/lib/baton`, '--runtime-dir', `${this.root}/run/baton`];
    const args = [`${ROOT}dist/daemon/main.js`, ...folders, '--log-level', 'error'];
    this.#daemon = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await waitFor(() => this.get('/healthz').then(({ status }) => status === 200), {
      ...{ deadlineMs: START_DEADLINE_MS, pollMs: 50, what: 'the daemon to listen' },
    });
  }

  /** Status 0: nobody answers. */
  get(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve) => {
      const asking = request({ socketPath: this.#socket, path }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asking.on('error', () => resolve({ status: 0, body: '' })).end();
    });
  }

  link(target: string, name: string): void {
    symlinkSync(target, `${this.root}/${name}`);
  }

  moved(text: string): string {
    return text.replaceAll(MOVED, (path) => `${this.root}${path}`);
  }

  /** In order; after one that fails the others are not run, and not in what is returned. */
  async run(blocks: readonly Block[]): Promise<Outcome[]> {
    const steps = blocks.flatMap((block, index) => [`echo '${MARK}${index}'`, this.#step(block, index)]);
    const script = [
      'set -eE -o pipefail',
      this.moved(this.#options.before ?? ''),
      ...steps,
      `echo '${MARK}end'`,
    ];
    const path = `${this.root}/page.sh`;
    writeFileSync(path, `${script.join('\n')}\n`);
    const { all, exitCode } = await this.#bash([path], pageDeadlineMs());
    const parts = all.split(MARK);
    const done = parts.slice(1, all.includes(`${MARK}end`) ? -1 : undefined);
    if (done.length === 0) throw new Error(`expected the page to begin, got ${exitCode} ${all}`);
    return done.map((part, index) => {
      const isLast = index === done.length - 1 && !all.includes(`${MARK}end`);
      const output = part.slice(part.indexOf('\n') + 1).replaceAll(this.root, '');
      return {
        block: blocks[index] as Block,
        output,
        failure: isLast ? `it ended with ${exitCode}:\n${output.slice(-3000)}` : null,
      };
    });
  }

  #step({ commands, isEndless }: Block, index: number): string {
    const text = this.moved(commands);
    if (!isEndless) return text;
    const path = `${this.root}/endless-${index}.sh`;
    writeFileSync(path, text);
    return `timeout --signal=INT ${ENDLESS_S} bash '${path}' || [ $? = 124 ]`;
  }

  /** One command by itself, in the home folder. */
  shell(line: string, deadlineMs: number) {
    return this.#bash(['-o', 'pipefail', '-c', this.moved(line)], deadlineMs);
  }

  #bash(args: readonly string[], deadlineMs: number) {
    const home = `${this.root}/home`;
    const env = {
      PATH: `${home}/.local/bin:${this.root}/bin:${process.env.PATH}:/usr/sbin`,
      HOME: home,
      TERM: 'dumb',
      BATON_HOST: `unix:${this.#socket}`,
      npm_config_update_notifier: 'false',
    };
    /* It ends what bash has started too. */
    const bounded = ['--kill-after=5', String(deadlineMs / 1000), 'bash', ...args];
    return execa('timeout', bounded, {
      ...{ cwd: this.#options.cwd ?? home, env, extendEnv: false, all: true, reject: false, stdin: 'ignore' },
      maxBuffer: MAX_OUTPUT_BYTES,
    } as const);
  }

  /** Ends all that was started below the folder, whoever started it. */
  async leave(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon !== null && daemon.exitCode === null) {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
    await waitFor(
      () => {
        const pids = this.#processes();
        for (const pid of pids) kill(pid);
        return pids.length === 0;
      },
      { deadlineMs: END_DEADLINE_MS, pollMs: 100, what: 'all processes of the page to end' },
    );
    await this.#dir.remove();
  }

  /** Processes that name the folder in their arguments. */
  #processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => existsSync(`/proc/${pid}/cmdline`) && commandLine(pid).includes(`${this.root}/`))
      .map(Number);
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
