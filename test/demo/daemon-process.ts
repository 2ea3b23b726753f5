/** Runs batond on throw-away folders, as an operator would start it by hand. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor, within } from '../helpers/wait.js';

const DAEMON_MAIN = fileURLToPath(new URL('../../daemon/main.js', import.meta.url));
const START_DEADLINE_MS = 15_000;
/** An upgrade under way is let finish, so longer than the daemon itself takes at most. */
const STOP_DEADLINE_MS = 25_000;
const OUTPUT_LIMIT = 16 * 1024;

export class DaemonProcess {
  readonly socketPath: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor(directory: string, program = DAEMON_MAIN) {
    const runtime = join(directory, 'run');
    this.socketPath = join(runtime, 'batond.sock');
    const args = [program, '--state-dir', join(directory, 'state'), '--runtime-dir', runtime];
    // A process group of its own: Ctrl-C reaches the demo, which then ends everything in order.
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_LIMIT);
      });
    }
    this.#child.on('error', (error) => {
      this.#output += String(error);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it logged. */
  get output(): string {
    return this.#output;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async waitUntilListening(): Promise<void> {
    const listening = () => {
      if (this.ended) throw new Error('batond ended before it listened');
      return existsSync(this.socketPath);
    };
    await waitFor(listening, {
      deadlineMs: START_DEADLINE_MS,
      what: `batond to listen on ${this.socketPath}`,
    });
  }

  /** Asks it to end; ends it when it does not. */
  async stop(): Promise<void> {
    if (this.ended || this.pid === 0) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    try {
      await within(exit, STOP_DEADLINE_MS, 'batond to end after SIGTERM');
    } finally {
      if (!this.ended) this.#child.kill('SIGKILL');
    }
  }
}
