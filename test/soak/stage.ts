/**
 * What a soak plays on: batond on throw-away folders, some machines with the ticker in them, and everything that the
 * daemon tells. The daemon may die at any moment; the stage starts it again on the same folders.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { DaemonClient, type DaemonEvent } from '../demo/daemon-client.js';
import { DaemonProcess } from '../demo/daemon-process.js';
import { endProcessesNaming } from '../demo/leftovers.js';
import { ticker } from '../guests/ticker.js';
import { waitFor } from '../helpers/wait.js';
import { SoakMachine } from './soak-machine.js';

const DISK_SIZE = '32m';
const START_DEADLINE_MS = 30_000;

export class Stage {
  readonly directory: string;
  readonly client: DaemonClient;
  readonly machines: SoakMachine[] = [];
  /** Whether the daemon's state lies on a small file system of its own, which can be filled. */
  readonly hasOwnDisk: boolean;
  readonly complaints: string[] = [];
  #daemon: DaemonProcess;
  #lastSeq = 0;
  #follower: { close(): void } | null = null;
  #listeners = new Set<(event: DaemonEvent) => void>();
  #isRestarting = false;

  private constructor(directory: string, hasOwnDisk: boolean) {
    this.directory = directory;
    this.hasOwnDisk = hasOwnDisk;
    this.#daemon = new DaemonProcess(directory);
    this.client = new DaemonClient(this.#daemon.socketPath);
  }

  static async set(memoriesMiB: readonly number[]): Promise<Stage> {
    const directory = mkdtempSync('/tmp/baton-soak-');
    chmodSync(directory, 0o700);
    mkdirSync(`${directory}/state`, { mode: 0o700 });
    const mounted = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=${DISK_SIZE}`,
      'baton',
      `${directory}/state`,
    ]);
    const stage = new Stage(directory, mounted.status === 0);
    const kernel = `${directory}/ticker.bin`;
    writeFileSync(kernel, ticker({ patternMiB: 2 }).bytes);
    await stage.#ready();
    for (const [index, memoryMiB] of memoriesMiB.entries()) {
      const specification = { name: `m${index}`, memoryMiB, vcpus: 1, kernel };
      const { id } = await stage.client.post<{ id: string }>('/v1/machines', specification);
      stage.machines.push(new SoakMachine(index, id, directory, stage.client));
    }
    return stage;
  }

  get daemonPid(): number {
    return this.#daemon.pid;
  }

  get daemonOutput(): string {
    return this.#daemon.output;
  }

  get filler(): string {
    return `${this.directory}/state/filler`;
  }

  onEvent(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  killDaemon(): void {
    this.#isRestarting = true;
    process.kill(this.#daemon.pid, 'SIGKILL');
  }

  async endDaemon(): Promise<void> {
    this.#isRestarting = true;
    await this.#daemon.stop();
  }

  async restartDaemon(): Promise<void> {
    await waitFor(() => this.#daemon.ended, { what: 'the daemon to have ended' });
    this.#follower?.close();
    this.#daemon = new DaemonProcess(this.directory);
    await this.#ready();
    this.#isRestarting = false;
  }

  /** Complains when the daemon ended without being asked to, and starts another. */
  async lookAfterDaemon(): Promise<void> {
    if (this.#isRestarting || !this.#daemon.ended) return;
    this.complaints.push(`the daemon ended by itself: ${this.#daemon.output.slice(-600)}`);
    await this.restartDaemon();
  }

  async clear(): Promise<void> {
    for (const machine of this.machines) machine.close();
    this.#follower?.close();
    await this.#daemon.stop();
    await endProcessesNaming(this.directory);
    if (this.hasOwnDisk) spawnSync('umount', ['-l', `${this.directory}/state`]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const answers = async () => {
      /* It says that the disk is full, and ends; whoever watches over it starts it again. */
      if (this.#daemon.ended && existsSync(this.filler)) this.#daemon = new DaemonProcess(this.directory);
      if (this.#daemon.ended) throw new Error(`batond did not start: ${this.#daemon.output.slice(-600)}`);
      return this.client.get('/v1/machines').catch(() => undefined);
    };
    await waitFor(answers, { deadlineMs: START_DEADLINE_MS, what: 'batond to answer' });
    this.#follower = await this.client.follow(this.#lastSeq, (event) => this.#hear(event));
  }

  #hear(event: DaemonEvent): void {
    if (event.seq <= this.#lastSeq) return;
    if (event.seq !== this.#lastSeq + 1)
      this.complaints.push(`event ${event.seq} came after ${this.#lastSeq}`);
    this.#lastSeq = event.seq;
    for (const listener of this.#listeners) listener(event);
  }
}
