/** Images, and VMMs of both kinds that use them: what a test of disks needs, in a directory of the test's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInCache } from '../fetch/cache.js';
import { waitFor } from '../helpers/wait.js';
import { QmpClient } from './qmp-client.js';

/** Locks on a file, as the kernel lists them: `READ 100 101`. */
export function locksOn(path: string): string[] {
  const inode = statSync(path).ino;
  return readFileSync('/proc/locks', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[5]?.endsWith(`:${inode}`) && words[1] === 'OFDLCK')
    .map((words) => `${words[3]} ${words[6]} ${words[7]}`)
    .sort();
}

export function makeImage(path: string, sizeBytes = 2 ** 20): string {
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return path;
}

export interface DiskUse {
  readonly readOnly?: boolean;
  readonly shareRw?: boolean;
}

/** A raw image under a device; node `n0`. */
export function diskArgs(image: string, { readOnly = false, shareRw = false }: DiskUse = {}): string[] {
  const file = { driver: 'file', filename: image };
  const node = { driver: 'raw', 'node-name': 'n0', 'read-only': readOnly, file };
  return [
    ...['-blockdev', JSON.stringify(node)],
    ...['-device', `virtio-blk-device,drive=n0,id=disk0,share-rw=${shareRw ? 'on' : 'off'}`],
  ];
}

export function qemuMissing(): string | null {
  const found = findInCache().qemu('11.1', 'riscv64');
  return 'missing' in found ? found.missing : null;
}

/** Real QEMU, stopped at its reset, with a monitor. */
export class QemuProcess {
  readonly #child: ChildProcess;
  readonly #qmp: string;
  stderr = '';
  exitCode: number | null = null;

  constructor(folder: string, args: readonly string[]) {
    const found = findInCache().qemu('11.1', 'riscv64');
    if ('missing' in found) throw new Error(found.missing);
    this.#qmp = join(folder, `qemu-${process.hrtime.bigint()}`);
    const [program = '', ...prefix] = found.argvPrefix;
    const own = ['-M', 'virt', '-nodefaults', '-display', 'none', '-S', '-bios', 'none'];
    const qmp = ['-global', 'virtio-mmio.force-legacy=false', '-qmp', `unix:${this.#qmp},server=on,wait=off`];
    this.#child = spawn(program, [...prefix, ...own, ...qmp, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#child.on('close', (code) => {
      this.exitCode = code ?? -1;
    });
  }

  monitor(): Promise<QmpClient> {
    return QmpClient.ready(this.#qmp);
  }

  /** Resolves with what it said when it has ended by itself. */
  async refusal(): Promise<string> {
    await waitFor(() => this.exitCode !== null, { what: 'QEMU to end by itself' });
    return this.stderr;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await waitFor(() => this.exitCode !== null, { what: 'the end of QEMU' });
  }
}
