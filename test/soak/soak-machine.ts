/** One machine of a soak: what the daemon says of it, what the host has of it, and what its guest says. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { DaemonClient } from '../demo/daemon-client.js';
import { readTicker } from '../demo/ticker-lines.js';
import { waitFor } from '../helpers/wait.js';
import { GuestWatch } from './guest-watch.js';
import { memoryPathOf, type VmmProcess, vmmProcesses } from './vmm-processes.js';

const BOOT_DEADLINE_MS = 30_000;

export interface MachineDocument {
  readonly id: string;
  readonly state: string;
  readonly stateReason: string;
  readonly generation: number | null;
}

export interface OperationDocument {
  readonly id: string;
  readonly kind: string;
  readonly machine: string;
  readonly state: string;
  readonly upgrade: string | null;
  readonly error: { readonly code: string; readonly detail: string } | null;
}

export interface UpgradeDocument {
  readonly state: string;
  readonly committed: boolean;
  readonly sourceGeneration: number;
  readonly targetGeneration: number;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

export class SoakMachine {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly runtimeFolder: string;
  readonly #logsFolder: string;
  readonly #client: DaemonClient;
  #watch: GuestWatch | null = null;
  #console = { generation: 0, offset: 0 };

  constructor(index: number, id: string, directory: string, client: DaemonClient) {
    this.name = `m${index}`;
    this.id = id;
    this.path = `/v1/machines/${id}`;
    this.runtimeFolder = `${directory}/run/${id.slice(0, 8)}`;
    this.#logsFolder = `${directory}/state/machines/${id}`;
    this.#client = client;
  }

  get processes(): VmmProcess[] {
    return vmmProcesses(this.runtimeFolder);
  }

  get watch(): GuestWatch {
    if (this.#watch === null) throw new Error(`${this.name} was not started`);
    return this.#watch;
  }

  document(): Promise<MachineDocument> {
    return this.#client.get<MachineDocument>(this.path);
  }

  async operations(): Promise<OperationDocument[]> {
    const { operations } = await this.#client.get<{ operations: OperationDocument[] }>('/v1/operations');
    return operations.filter(({ machine }) => machine === this.id);
  }

  socketsOf(generation: number): string[] {
    const folder = `${this.runtimeFolder}/${generation}`;
    return existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : [];
  }

  /** Generations that have a folder of sockets. */
  get folders(): number[] {
    return existsSync(this.runtimeFolder) ? readdirSync(this.runtimeFolder).map(Number) : [];
  }

  /** A fresh boot: new memory, new console. */
  async boot(): Promise<void> {
    this.close();
    await this.#client.perform(`${this.path}/start`);
    const [running] = this.processes.slice(-1);
    const memory = running === undefined ? null : memoryPathOf(running.pid);
    if (running === undefined || memory === null) throw new Error(`${this.name} started without a process`);
    this.#watch = new GuestWatch(memory);
    this.#console = { generation: running.generation, offset: 0 };
    const ticks = () => (this.watch.sample() ?? 0) > 0;
    await waitFor(ticks, { deadlineMs: BOOT_DEADLINE_MS, what: `the guest of ${this.name} to tick` });
  }

  /** What the guest printed is judged from here on: a full disk loses lines. */
  forgetConsole(): void {
    const generation = Math.max(...readdirSync(this.#logsFolder).map(Number));
    const path = this.#consolePath(generation);
    this.#console = { generation, offset: statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
  }

  consoleComplaints(): string[] {
    const { generation: first, offset } = this.#console;
    const generations = readdirSync(this.#logsFolder)
      .map(Number)
      .filter((generation) => generation >= first);
    const texts = generations
      .sort((a, b) => a - b)
      .map((generation) => {
        const path = this.#consolePath(generation);
        return existsSync(path) ? readFileSync(path, 'latin1').slice(generation === first ? offset : 0) : '';
      });
    let text = texts.join('');
    if (offset > 0) text = `ticker: start\n${text.slice(text.indexOf('\n') + 1)}`;
    const { lines, damaged } = readTicker([text]);
    const complaints = damaged.map((line) => `console line is damaged: ${JSON.stringify(line)}`);
    if (lines.some(({ patternIntact }) => !patternIntact)) complaints.push('console says pattern=BAD');
    return complaints.slice(0, 3);
  }

  close(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  #consolePath(generation: number): string {
    return `${this.#logsFolder}/${generation}/console.log`;
  }
}
