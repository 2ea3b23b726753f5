/** Runs `daemon-under-test.ts` as a process, watches it die, and starts it again on the same folders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '../demo/daemon-client.js';
import { waitFor, within } from '../helpers/wait.js';
import { DIE_AT } from './die-at.js';
import type { Folders } from './fixture.js';

const PROGRAM = fileURLToPath(new URL('./daemon-under-test.js', import.meta.url));

export class MortalDaemon {
  readonly client: DaemonClient;
  readonly #folders: Folders;
  readonly #socket: string;
  #child: ChildProcess | null = null;
  #output = '';

  constructor(folders: Folders) {
    this.#folders = folders;
    this.#socket = `${folders.runtimeDir}/batond.sock`;
    this.client = new DaemonClient(this.#socket);
    mkdirSync(folders.stateDir, { recursive: true });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  #spawn(): ChildProcess {
    const { stateDir, runtimeDir, vmm } = this.#folders;
    const args = ['--state-dir', stateDir, '--runtime-dir', runtimeDir, '--log-level', 'warn', vmm];
    const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    child.stderr?.on('data', (chunk) => {
      this.#output = (this.#output + chunk).slice(-16_384);
    });
    return child;
  }

  async start(): Promise<void> {
    const child = this.#spawn();
    let refusal: unknown = null;
    const answered = waitFor(
      async () => {
        const end = child.exitCode ?? child.signalCode;
        if (end !== null) throw new Error(`the daemon ended (${end}): ${this.#output}`);
        return this.client.get('/v1').catch((error) => {
          refusal = error;
          return null;
        });
      },
      { deadlineMs: 30_000, what: 'the daemon to answer' },
    );
    await answered.catch((cause) => {
      throw new Error(`${cause.message}; it last said ${refusal}; its words: ${this.#output}`, { cause });
    });
  }

  /** For one that dies while it takes up what an earlier one began, maybe before it answers. */
  async startToDie(moment: string): Promise<void> {
    this.dieAt(moment);
    this.#spawn();
    await this.died();
  }

  /** The next upgrade that comes to `moment` kills the daemon. */
  dieAt(moment: string): void {
    writeFileSync(`${this.#folders.stateDir}/${DIE_AT}`, moment);
  }

  async died(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    if (child.exitCode === null && child.signalCode === null) {
      await within(once(child, 'exit'), 30_000, `the daemon to die: ${this.#output}`);
    }
    rmSync(`${this.#folders.stateDir}/${DIE_AT}`, { force: true });
    this.#child = null;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.died();
  }

  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    child.kill('SIGTERM');
    await this.died();
    return child.exitCode;
  }
}
