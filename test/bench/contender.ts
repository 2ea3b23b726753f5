/**
 * The VMMs that are measured side by side, and one way to start either: the same command line, less the
 * program's name. Output of a VMM that fails is part of the error.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findInCache } from '../fetch/cache.js';
import { waitFor, within } from '../helpers/wait.js';
import { Qmp } from './qmp.js';

const OUTPUT_LIMIT = 64 * 1024;
const VMM_MAIN = fileURLToPath(new URL('../../vmm/baton-vmm.cjs', import.meta.url));

export interface Contender {
  readonly name: string;
  readonly argvPrefix: readonly string[];
}

export const BATON: Contender = { name: 'baton-vmm', argvPrefix: [process.execPath, VMM_MAIN] };

export function qemu(): Contender {
  const found = findInCache().qemu('11.1', 'riscv64');
  if ('missing' in found) throw new Error(found.missing);
  return { name: 'QEMU 11.1', argvPrefix: found.argvPrefix };
}

export interface MachineOptions {
  readonly kernel: string;
  readonly memoryMiB: number;
  readonly initrd?: string;
  readonly append?: string;
  /** Guest RAM as a file that others can look into; the file must not exist yet. Absent: a memfd. */
  readonly memoryFile?: string;
}

/** The command line of a machine that cpr-transfer can move. */
export function machineArguments(options: MachineOptions): string[] {
  const size = `size=${options.memoryMiB * 1024 * 1024},share=on`;
  const backend =
    options.memoryFile === undefined
      ? `memory-backend-memfd,id=ram0,${size}`
      : `memory-backend-file,id=ram0,mem-path=${options.memoryFile},${size}`;
  return [
    ...['-machine', 'virt,memory-backend=ram0,aux-ram-share=on', '-object', backend],
    ...['-m', `${options.memoryMiB}M`, '-nodefaults', '-display', 'none', '-kernel', options.kernel],
    ...(options.initrd === undefined ? [] : ['-initrd', options.initrd]),
    ...(options.append === undefined ? [] : ['-append', options.append]),
  ];
}

export class RunningVmm {
  static readonly #running = new Set<RunningVmm>();
  readonly contender: Contender;
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  #serial = '';
  #errors = '';

  constructor(contender: Contender, args: readonly string[]) {
    this.contender = contender;
    const [program = '', ...prefix] = contender.argvPrefix;
    this.#child = spawn(program, [...prefix, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#serial = (this.#serial + chunk.toString('latin1')).slice(-OUTPUT_LIMIT);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-OUTPUT_LIMIT);
    });
    this.#child.on('error', (error) => {
      this.#errors += String(error);
    });
    RunningVmm.#running.add(this);
    this.#child.on('exit', () => RunningVmm.#running.delete(this));
  }

  /** For an interruption: ends every VMM that still runs. */
  static async killAll(): Promise<void> {
    await Promise.all([...RunningVmm.#running].map((vmm) => vmm.kill()));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What `-serial stdio` brought, the last 64 KiB of it. */
  get serial(): string {
    return this.#serial;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.pid === 0;
  }

  async waitForSerial(text: string, deadlineMs: number): Promise<void> {
    const found = () => {
      if (this.#serial.includes(text)) return true;
      if (this.ended) throw this.#failure(`before it printed ${JSON.stringify(text)}`);
      return false;
    };
    await waitFor(found, { deadlineMs, what: `${this.contender.name} to print ${JSON.stringify(text)}` });
  }

  /** Waits for a condition that this process has to bring about. */
  async waitUntil(condition: () => boolean, what: string, deadlineMs = 20_000): Promise<void> {
    const check = () => {
      if (condition()) return true;
      if (this.ended) throw this.#failure(`before ${what}`);
      return false;
    };
    await waitFor(check, { deadlineMs, what });
  }

  async waitForEnd(deadlineMs: number): Promise<void> {
    if (!this.ended) await within(once(this.#child, 'exit'), deadlineMs, `${this.contender.name} to end`);
  }

  /** Ends it at once; resolves when it is reaped. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await within(exit, 10_000, `${this.contender.name} to be reaped`);
  }

  #failure(when: string): Error {
    const { exitCode, signalCode } = this.#child;
    return new Error(
      `${this.contender.name} ended (${signalCode ?? `exit ${exitCode}`}) ${when}: ${this.#errors.slice(-2000)}`,
    );
  }
}

/** A running VMM with its monitor, in a folder of its own for its sockets. */
export interface MonitoredVmm {
  readonly vmm: RunningVmm;
  readonly qmp: Qmp;
  readonly directory: string;
}

export async function startMonitored(
  contender: Contender,
  directory: string,
  args: readonly string[],
): Promise<MonitoredVmm> {
  await mkdir(directory, { recursive: true });
  const vmm = new RunningVmm(contender, [...args, ...monitorArguments(directory)]);
  try {
    return { vmm, qmp: await Qmp.connect(join(directory, 'qmp.sock')), directory };
  } catch (error) {
    await vmm.kill();
    throw error;
  }
}

export function monitorArguments(directory: string): string[] {
  return ['-qmp', `unix:${join(directory, 'qmp.sock')},server=on,wait=off`];
}
