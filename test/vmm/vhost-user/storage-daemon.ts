/** A real qemu-storage-daemon that serves a qcow2 image over vhost-user. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { findInCache } from '../../fetch/cache.js';
import { waitFor } from '../../helpers/wait.js';

const run = promisify(execFile);
const TOOL_DEADLINE_MS = 60_000;

export function toolsMissing(): string | null {
  const found = findInCache().qemuTools();
  return 'missing' in found ? found.missing : null;
}

function tools() {
  const found = findInCache().qemuTools();
  if ('missing' in found) throw new Error(found.missing);
  return found;
}

export async function qemuImg(...args: readonly string[]): Promise<string> {
  return (await run(tools().img, args, { timeout: TOOL_DEADLINE_MS })).stdout;
}

export class StorageDaemon {
  readonly #child: ChildProcess;
  output = '';
  ended: number | string | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (bytes: Buffer) => {
      this.output += bytes.toString();
    });
    child.on('close', (code, signal) => {
      this.ended = code ?? signal;
    });
  }

  static async serve(image: string, socket: string): Promise<StorageDaemon> {
    const child = spawn(
      tools().storageDaemon,
      [
        ...['--blockdev', `driver=file,filename=${image},node-name=file`],
        ...['--blockdev', 'driver=qcow2,file=file,node-name=disk'],
        ...['--export', `vhost-user-blk,id=e,node-name=disk,addr.type=unix,addr.path=${socket},writable=on`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const daemon = new StorageDaemon(child);
    await waitFor(() => existsSync(socket) || daemon.ended !== null, { what: 'the socket of the disk' });
    if (daemon.ended !== null)
      throw new Error(`qemu-storage-daemon ended (${daemon.ended}): ${daemon.output}`);
    return daemon;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async kill(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.ended === null) this.#child.kill(signal);
    await waitFor(() => this.ended !== null, { what: 'the end of qemu-storage-daemon' });
  }
}
