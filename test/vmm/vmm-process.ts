/** Real baton-vmm processes for tests, each with sockets of its own in a directory of the test's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ticker } from '../guests/ticker.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';

const MAIN = fileURLToPath(new URL('../../vmm/baton-vmm.cjs', import.meta.url));
const SHARED_RAM = [
  ...['-m', '64M', '-machine', 'virt,memory-backend=ram0,aux-ram-share=on'],
  ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on'],
];

export interface LaunchOptions {
  /** Takes a VM over instead of booting: where the main channel is. */
  readonly incoming?: 'unix' | 'defer';
  readonly stopped?: boolean;
  /** How RAM is set up; absent: shared, so that it can be handed over. */
  readonly memoryArgs?: readonly string[];
  readonly extra?: readonly string[];
  /** On top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it gets as 3, 4 and so on. */
  readonly descriptors?: readonly number[];
  /** The arguments have a serial port of their own. */
  readonly isConsoleElsewhere?: boolean;
}

type Surroundings = Pick<LaunchOptions, 'env' | 'descriptors'>;

/** One running (or ended) baton-vmm. */
export class VmmProcess {
  readonly child: ChildProcess;
  readonly #folder: string;
  stderr = '';
  /** `null` while it runs; the exit code, or the signal's name. */
  ended: number | string | null = null;

  constructor(folder: string, args: readonly string[], { env, descriptors = [] }: Surroundings = {}) {
    this.#folder = folder;
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.child.on('close', (code, signal) => {
      this.ended = code ?? signal;
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  path(name: 'qmp' | 'cpr' | 'main' | 'console' | 'pid'): string {
    return join(this.#folder, name);
  }

  monitor(): Promise<QmpClient> {
    return QmpClient.ready(this.path('qmp'));
  }

  /** Target: it can be told to `migrate` to. */
  listening(): Promise<boolean> {
    return waitFor(() => existsSync(this.path('cpr')) || this.ended !== null, { what: 'the cpr socket' });
  }

  async exitCode(): Promise<number | string | null> {
    await waitFor(() => this.ended !== null, { what: `the end of ${this.#folder}` });
    return this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exitCode();
  }

  /** Complete lines of the guest's console. */
  console(): string[] {
    const path = this.path('console');
    return existsSync(path) ? readFileSync(path, 'latin1').split('\n').slice(0, -1) : [];
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }
}

/** A directory with the guest in it, and every process started there. */
export class VmmHost {
  readonly #dir: TempDir;
  readonly #processes: VmmProcess[] = [];
  readonly kernel: string;

  private constructor(dir: TempDir) {
    this.#dir = dir;
    this.kernel = join(dir.path, 'ticker.bin');
  }

  static async create(): Promise<VmmHost> {
    const host = new VmmHost(await tempDir());
    await writeFile(host.kernel, ticker({ patternMiB: 8 }).bytes);
    return host;
  }

  get path(): string {
    return this.#dir.path;
  }

  /** Files that are no directories, by relative path: what a process left behind. */
  leftSockets(): string[] {
    return readdirSync(this.#dir.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isSocket())
      .map(({ name }) => name);
  }

  launchWith(args: readonly string[], folder = this.#dir.path, around: Surroundings = {}): VmmProcess {
    const vmm = new VmmProcess(folder, args, around);
    this.#processes.push(vmm);
    return vmm;
  }

  async launch(options: LaunchOptions = {}): Promise<VmmProcess> {
    const folder = join(this.#dir.path, String(this.#processes.length));
    await mkdir(folder);
    return this.launchWith(this.#args(folder, options), folder, options);
  }

  #args(folder: string, options: LaunchOptions): string[] {
    const { incoming, stopped, memoryArgs = SHARED_RAM, extra = [], isConsoleElsewhere = false } = options;
    const console = ['-chardev', `file,id=serial0,path=${folder}/console`, '-serial', 'chardev:serial0'];
    const args = [
      ...memoryArgs,
      ...['-kernel', this.kernel],
      ...(isConsoleElsewhere ? [] : console),
      ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`, '-display', 'none', '-nodefaults'],
      ...['-global', 'migration.x-events=on'],
      ...(stopped ? ['-S'] : []),
      ...extra,
    ];
    if (incoming === undefined) return args;
    const main = incoming === 'defer' ? 'defer' : `unix:${folder}/main`;
    const cpr = { 'channel-type': 'cpr', addr: { transport: 'socket', type: 'unix', path: `${folder}/cpr` } };
    return [...args, '-incoming', main, '-incoming', JSON.stringify(cpr)];
  }

  async remove(): Promise<void> {
    for (const vmm of this.#processes) if (vmm.ended === null) await vmm.kill();
    await this.#dir.remove();
  }
}

/** The arguments of `migrate` for a hand-over to `target`. */
export function channelsTo(
  target: Pick<VmmProcess, 'path'>,
  main = target.path('main'),
  cpr = target.path('cpr'),
): object {
  const address = (path: string) => ({ transport: 'socket', type: 'unix', path });
  return {
    channels: [
      { 'channel-type': 'main', addr: address(main) },
      { 'channel-type': 'cpr', addr: address(cpr) },
    ],
  };
}

/** Switches what a source needs; events come with the command line. */
export async function prepareSource(source: QmpClient, returnPath = true): Promise<void> {
  await source.execute('migrate-set-capabilities', {
    capabilities: [
      { capability: 'events', state: true },
      { capability: 'return-path', state: returnPath },
    ],
  });
  await source.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
}

export interface TickerLine {
  readonly ticks: number;
  readonly gapMicros: number;
  readonly pattern: string;
}

/** The last complete line of the ticker. */
export function lastTick(lines: readonly string[]): TickerLine | null {
  const found = lines.findLast((line) => /^ticker: ticks=.*pattern=\w+/.test(line));
  const match = /ticks=(\d+) gap_us=(\d+) .*pattern=(\w+)/.exec(found ?? '');
  return match && { ticks: Number(match[1]), gapMicros: Number(match[2]), pattern: String(match[3]) };
}

/** Waits until the guest has ticked on by `more` in this process, with its memory intact. */
export async function ticksOn(vmm: VmmProcess, more = 100): Promise<TickerLine> {
  const before = lastTick(vmm.console())?.ticks ?? 0;
  const line = await waitFor(
    () => {
      const last = lastTick(vmm.console());
      return last !== null && last.ticks >= before + more ? last : null;
    },
    { what: `${more} more ticks of the guest` },
  );
  if (line.pattern !== 'ok') throw new Error(`the guest's memory is damaged: ${JSON.stringify(line)}`);
  return line;
}
