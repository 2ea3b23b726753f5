/**
 * A host with systemd: a copy of the fetched Debian, booted as process 1 of namespaces of its own. Everything that it
 * runs ends with it, and its mounts are nobody else's. What differs from a host: it has the kernel of the machine, and
 * no disk, network or login of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { execa } from 'execa';
import { tickerLines } from '../daemon/fixture.js';
import { findInCache } from '../fetch/cache.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { REPOSITORY } from './package.js';

const BOOT = `${REPOSITORY}test/service/boot.sh`;
const NAMESPACES = ['--pid', '--mount', '--cgroup', '--uts', '--ipc', '--net'];
const BOOT_DEADLINE_MS = 60_000;
const COMMAND_DEADLINE_MS = 60_000;
const ANSWER_DEADLINE_MS = 60_000;

/** Why it cannot be done here; null: it can. */
export async function serviceHostMissing(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'namespaces with systemd in them are made by root';
  const found = findInCache().serviceRoot();
  if ('missing' in found) return found.missing;
  const mount = 'mount -t cgroup2 cgroup2 /mnt && mount -t proc proc /proc';
  const probe = await execa('unshare', [...NAMESPACES, '--fork', 'sh', '-c', mount], { reject: false });
  return probe.failed ? `namespaces cannot be made here (${probe.stderr.trim()})` : null;
}

// biome-ignore lint/suspicious/noExplicitAny: documents are asserted on member by member
type Document = any;

export class ServiceHost {
  readonly root: string;
  readonly #dir: TempDir;
  #process: ChildProcess | null = null;
  #init = 0;

  private constructor(dir: TempDir) {
    this.#dir = dir;
    this.root = `${dir.path}/root`;
  }

  static async create(): Promise<ServiceHost> {
    const found = findInCache().serviceRoot();
    if ('missing' in found) throw new Error(found.missing);
    const host = new ServiceHost(await tempDir());
    await execa('cp', ['--archive', '--reflink=auto', found.path, host.root]);
    await execa('mkdir', ['-p', `${host.root}/var/log/journal`]);
    await execa('chmod', ['755', host.#dir.path, host.root]);
    return host;
  }

  async boot(): Promise<void> {
    await this.start('systemd', ['/usr/lib/systemd/systemd', '--log-level=info']);
    await waitFor(
      async () => /running|degraded/.test((await this.try('systemctl', 'is-system-running')).stdout),
      { deadlineMs: BOOT_DEADLINE_MS, pollMs: 250, what: 'the host to have booted' },
    );
  }

  /** With another process 1, which is called `name` when it is there. */
  async start(name: string, program: readonly string[]): Promise<void> {
    const args = [...NAMESPACES, '--fork', '--kill-child', BOOT, this.root, process.execPath, ...program];
    const child = spawn('unshare', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    this.#process = child;
    const wait = { deadlineMs: BOOT_DEADLINE_MS, pollMs: 50 };
    this.#init = await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`unshare ended with ${child.exitCode}`);
        return childrenOf(child.pid ?? 0).find((pid) => nameOf(pid) === name);
      },
      { ...wait, what: `${name} to be process 1` },
    );
  }

  /** In order: everything is stopped. */
  async powerOff(): Promise<void> {
    await this.run('systemctl', 'poweroff');
    await this.#ended();
  }

  /** As when its plug is pulled. */
  async losePower(): Promise<void> {
    process.kill(this.#init, 'SIGKILL');
    await this.#ended();
  }

  /** Asks process 1 to end, as whoever runs a container does. Returns its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#process;
    process.kill(this.#init, 'SIGTERM');
    await this.#ended();
    return child?.exitCode ?? null;
  }

  async #ended(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    if (child.exitCode === null && child.signalCode === null) {
      await within(once(child, 'exit'), COMMAND_DEADLINE_MS, 'the host to go down');
    }
    this.#process = null;
  }

  async remove(): Promise<void> {
    if (this.#process !== null) await this.losePower();
    await this.#dir.remove();
  }

  try(file: string, ...args: readonly string[]) {
    const options = { timeout: COMMAND_DEADLINE_MS, reject: false, stdin: 'ignore' } as const;
    return execa('nsenter', ['--target', String(this.#init), '--all', file, ...args], options);
  }

  /** What it prints. */
  async run(file: string, ...args: readonly string[]): Promise<string> {
    const { failed, stdout, stderr } = await this.try(file, ...args);
    if (failed) throw new Error(`${file} ${args.join(' ')}: ${stderr || stdout}`);
    return stdout;
  }

  async property(unit: string, name: string): Promise<string> {
    return this.run('systemctl', 'show', '--value', `--property=${name}`, unit);
  }

  /** A file of a process of the host, by the number that it has there. */
  read(path: string): Promise<string> {
    return this.run('cat', path);
  }

  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Document> {
    const socketPath = `/proc/${this.#init}/root/run/baton/batond.sock`;
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const options = { socketPath, method, path: `/v1/${path}`, headers, timeout: ANSWER_DEADLINE_MS };
      const asking = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => {
          if ((response.statusCode ?? 0) < 300) resolve(text === '' ? null : JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        });
      });
      asking.on('timeout', () => asking.destroy(new Error(`${method} ${path}: no answer`)));
      asking.on('error', reject);
      asking.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Resolves with the operation that has ended, however it did. */
  async ended(operation: string): Promise<Document> {
    const wait = { deadlineMs: ANSWER_DEADLINE_MS, pollMs: 100, what: `operation ${operation} to end` };
    return waitFor(async () => {
      const found = await this.ask('GET', `operations/${operation}`).catch(() => null);
      return found === null || found.state === 'running' ? null : found;
    }, wait);
  }

  async perform(path: string, body?: object): Promise<Document> {
    const { id } = await this.ask('POST', path, body);
    const operation = await this.ended(id);
    if (operation.state !== 'succeeded') throw new Error(`${path}: ${JSON.stringify(operation.error)}`);
    return operation;
  }

  /** One with the ticker in it, started. */
  async startTicker(name: string, policy: object = {}): Promise<string> {
    const document = { name, memoryMiB: 32, kernel: '/srv/ticker.bin', ...policy };
    const { id } = await this.ask('POST', 'machines', document);
    await this.perform(`machines/${id}/start`);
    await this.ticks(id, 0);
    return id;
  }

  /** Waits until the guest, in whatever generation, has ticked beyond `above`; its memory must be as it was. */
  async ticks(id: string, above: number): Promise<{ ticks: number; maxGapUs: number }> {
    const folders = { stateDir: `${this.root}/var/lib/baton` } as Parameters<typeof tickerLines>[0];
    const wait = { deadlineMs: 30_000, pollMs: 50, what: `the guest of ${id} to tick beyond ${above}` };
    return waitFor(async () => {
      const { generation } = await this.ask('GET', `machines/${id}`).catch(() => ({ generation: 0 }));
      const lines = tickerLines(folders, id, generation);
      if (lines.some(({ isIntact }) => !isIntact)) throw new Error('expected the memory to be intact');
      return lines.findLast(({ ticks }) => ticks > above);
    }, wait);
  }

  /** Of its current instance. */
  async pidOf(id: string): Promise<number> {
    const { instances } = await this.ask('GET', `machines/${id}/instances`);
    return instances.findLast(({ state }: Document) => state === 'alive')?.pid ?? 0;
  }
}

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, 'latin1').split(' ').filter(Boolean).map(Number) : [];
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return '';
  }
}
