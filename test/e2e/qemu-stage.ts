/** A batond of its own on throw-away folders, reached over REST as any client would, and real QEMUs as its builds. */
import { symlink, writeFile } from 'node:fs/promises';
import { DaemonClient } from '../demo/daemon-client.js';
import { DaemonProcess } from '../demo/daemon-process.js';
import { endProcessesNaming } from '../demo/leftovers.js';
import { findInCache, type QemuVersion } from '../fetch/cache.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';

/** What keeps both QEMUs from being run here; null when nothing does. */
export function qemusMissing(): string | null {
  const qemus = (['10.0', '11.1'] as const).map((version) => findInCache().qemu(version, 'x86_64'));
  const absent = qemus.find((found) => 'missing' in found);
  return absent !== undefined && 'missing' in absent ? absent.missing : null;
}

export function qemuPath(version: QemuVersion): string {
  const found = findInCache().qemu(version, 'x86_64');
  if ('missing' in found) throw new Error(found.missing);
  return found.argvPrefix[0] as string;
}

export class QemuStage {
  readonly client: DaemonClient;
  readonly directory: string;
  readonly #folder: TempDir;
  readonly #daemon: DaemonProcess;

  private constructor(folder: TempDir) {
    this.#folder = folder;
    this.directory = folder.path;
    this.#daemon = new DaemonProcess(folder.path);
    this.client = new DaemonClient(this.#daemon.socketPath);
  }

  static async open(): Promise<QemuStage> {
    const stage = new QemuStage(await tempDir());
    try {
      await stage.#daemon.waitUntilListening();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get daemonPid(): number {
    return this.#daemon.pid;
  }

  /** Registers a QEMU under a path of its own, so that one binary can be several builds; resolves with its id. */
  async register(version: QemuVersion, name: string): Promise<string> {
    const path = `${this.directory}/${name}`;
    await symlink(qemuPath(version), path);
    return this.#add(path);
  }

  /** The same of a shell script: these lines, and what they leave of it runs the QEMU. */
  async registerScript(version: QemuVersion, name: string, lines: readonly string[]): Promise<string> {
    const path = `${this.directory}/${name}`;
    const script = ['#!/bin/sh', ...lines, `exec '${qemuPath(version)}' "$@"`, ''];
    await writeFile(path, script.join('\n'), { mode: 0o755 });
    return this.#add(path);
  }

  async #add(path: string): Promise<string> {
    return (await this.client.post<{ id: string }>('/v1/builds', { kind: 'qemu', path })).id;
  }

  /** Leaves nothing behind, whatever runs. */
  async close(): Promise<void> {
    await this.#daemon.stop();
    await endProcessesNaming(this.directory);
    await this.#folder.remove();
  }
}
