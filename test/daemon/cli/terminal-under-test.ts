/** `baton` on a terminal: a pseudoterminal whose other side the test holds. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { closeFd, NativeError, openPty, ptyPath, readFd, writeFd } from '../../../native/index.js';
import { waitFor, within } from '../../helpers/wait.js';
import { BATON, environment } from './cli-under-test.js';

const CHUNK_BYTES = 65_536;

export class TerminalUnderTest {
  readonly path: string;
  readonly #ours: number;
  /** Held open, so that the terminal stays when nobody else has it. */
  readonly #theirs: number;
  readonly #children: ChildProcess[] = [];
  #shown = '';

  constructor(columns: number) {
    this.#ours = openPty();
    this.path = ptyPath(this.#ours);
    this.#theirs = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY);
    execFileSync('stty', ['-F', this.path, 'sane', 'cols', String(columns), 'rows', '40']);
  }

  /** As `stty -g` tells of it. */
  get settings(): string {
    return execFileSync('stty', ['-F', this.path, '-g'], { encoding: 'utf8' }).trim();
  }

  start(socket: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(process.execPath, [BATON, ...args], {
      stdio: [this.#theirs, this.#theirs, this.#theirs],
      env: { ...environment(socket), TERM: 'xterm', ...env },
    });
    this.#children.push(child);
    return child;
  }

  type(text: string): void {
    writeFd(this.#ours, Buffer.from(text, 'latin1'));
  }

  /** Everything that was shown so far. */
  get shown(): string {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      try {
        const length = readFd(this.#ours, chunk);
        if (length === null || length === 0) return this.#shown;
        this.#shown += chunk.toString('utf8', 0, length);
      } catch (error) {
        if (error instanceof NativeError && (error.code === 'EAGAIN' || error.code === 'EIO'))
          return this.#shown;
        throw error;
      }
    }
  }

  /** Without colours and movements of the cursor. */
  get text(): string {
    return stripVTControlCharacters(this.shown).replaceAll('\r', '');
  }

  async shows(pattern: RegExp, deadlineMs = 30_000): Promise<void> {
    await waitFor(() => pattern.test(this.shown), {
      deadlineMs,
      what: `the terminal to show ${pattern}`,
    }).catch((error) => {
      throw new Error(`${error.message}, it shows ${JSON.stringify(this.shown.slice(-1_000))}`);
    });
  }

  /** Exit code or signal; reads on, since a full terminal stops its writers. */
  async ended(child: ChildProcess): Promise<number | string | null> {
    const reading = setInterval(() => this.shown, 20);
    try {
      if (child.exitCode === null && child.signalCode === null) {
        await within(once(child, 'exit'), 30_000, `baton to end, it shows ${this.shown.slice(-500)}`);
      }
      return child.exitCode ?? child.signalCode;
    } finally {
      clearInterval(reading);
    }
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    closeSync(this.#theirs);
    closeFd(this.#ours);
  }
}
