/**
 * A terminal in raw mode: each key comes as it is typed. It is given back as it was whatever ends us: in order, by a
 * signal, by an error, and, where there are `sh` and `stty`, by SIGKILL too.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { ReadStream } from 'node:tty';

/** The types of Node do not say that it has one. */
export type Terminal = ReadStream & { readonly fd: number };

/** Waits until its input ends, as it does when we do, and gives the terminal back. In the background, so SIGTTOU is ignored. */
const GUARD = 'trap \'\' TTOU INT TERM HUP QUIT TSTP; read -r line || stty "$1" <&3';

export class RawTerminal {
  readonly #input: Terminal;
  #guard: ChildProcess | null = null;
  #isRaw = false;

  constructor(input: Terminal) {
    this.#input = input;
  }

  enter(): void {
    this.#guard = startGuard(this.#input);
    this.#input.setRawMode(true);
    this.#isRaw = true;
    process.once('exit', this.leave);
  }

  /** Any number of times. */
  leave = (): void => {
    if (!this.#isRaw) return;
    this.#isRaw = false;
    process.removeListener('exit', this.leave);
    this.#input.setRawMode(false);
    this.#guard?.stdin?.end('done\n');
    this.#guard = null;
  };
}

function startGuard(input: Terminal): ChildProcess | null {
  const saved = spawnSync('stty', ['-g'], { stdio: [input.fd, 'pipe', 'ignore'], encoding: 'utf8' });
  if (saved.status !== 0) return null;
  const guard = spawn('sh', ['-c', GUARD, 'baton-guard', saved.stdout.trim()], {
    stdio: ['pipe', 'ignore', 'ignore', input.fd],
  });
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}
