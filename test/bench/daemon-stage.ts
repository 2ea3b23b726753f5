/** A batond on throw-away folders with many machines, most of them written into its store beforehand. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Store } from '../../daemon/store/store.js';
import { DaemonClient } from '../demo/daemon-client.js';
import { DaemonProcess } from '../demo/daemon-process.js';
import { waitFor } from '../helpers/wait.js';

const UNLIMITED = fileURLToPath(new URL('./unlimited-batond.js', import.meta.url));
/** Measured once batond has been idle, so after its collector has calmed down. */
const SETTLE_MS = 3_000;
const START_DEADLINE_MS = 60_000;
const KIB_PER_MIB = 1024;
/** The unit of times in /proc/PID/stat. */
const MS_PER_TICK = 10;

export class DaemonStage {
  readonly client: DaemonClient;
  readonly socketPath: string;
  readonly #directory: string;
  readonly #program: string | undefined;
  #daemon: DaemonProcess;

  private constructor(directory: string, program: string | undefined) {
    this.#directory = directory;
    this.#program = program;
    this.#daemon = new DaemonProcess(directory, program);
    this.socketPath = this.#daemon.socketPath;
    this.client = new DaemonClient(this.socketPath);
  }

  static async open(directory: string): Promise<DaemonStage> {
    const stage = new DaemonStage(directory, undefined);
    await stage.answers();
    return stage;
  }

  /** For a client that asks for more than one may. */
  static async openUnlimited(directory: string): Promise<DaemonStage> {
    const stage = new DaemonStage(directory, UNLIMITED);
    await stage.answers();
    return stage;
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  async answers(): Promise<void> {
    await waitFor(
      () => {
        if (this.#daemon.ended) throw new Error(`batond ended: ${this.#daemon.output}`);
        return this.client.get('/v1').catch(() => null);
      },
      { deadlineMs: START_DEADLINE_MS, pollMs: 2, what: 'batond to answer' },
    );
  }

  /** Milliseconds from the start of the process to its first answer. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    this.#daemon = new DaemonProcess(this.#directory, this.#program);
    await this.answers();
    return performance.now() - startedAt;
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await waitFor(() => this.#daemon.ended, { what: 'batond to be gone' });
  }

  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  }

  async idleMiB(): Promise<number> {
    await delay(SETTLE_MS);
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / KIB_PER_MIB;
  }

  /** More machines like the one named; the daemon is stopped and started for it. They are never run. */
  async multiply(name: string, count: number): Promise<void> {
    await this.stop();
    const store = new Store({ path: join(this.#directory, 'state/batond.sqlite'), nowMs: Date.now });
    try {
      const machine = store.machines.byName(name);
      if (machine === null) throw new Error(`expected a machine ${name}`);
      store.durably(() => {
        for (let n = 0; n < count; n += 1) {
          const id = randomUUID();
          store.machines.insert({ id, name: `${name}-${n}`, spec: machine.spec, builds: machine.builds });
        }
      });
    } finally {
      store.close();
    }
    await this.start();
  }
}
