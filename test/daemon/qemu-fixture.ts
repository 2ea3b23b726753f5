/** A daemon in this process whose machines run on the real QEMUs of the cache. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import type { App } from '../../daemon/app.js';
import { BuildRegistry } from '../../daemon/builds.js';
import { createServer } from '../../daemon/http/server.js';
import { LinuxProcesses } from '../../daemon/instance/host.js';
import { QemuDriver } from '../../daemon/instance/qemu-driver.js';
import type { Services } from '../../daemon/machines/services.js';
import { Supervisor } from '../../daemon/machines/supervisor.js';
import { Store } from '../../daemon/store/store.js';
import type { QemuTarget } from '../fetch/cache.js';
import { ticker } from '../guests/ticker.js';
import { x86Ticker } from '../guests/x86-ticker.js';
import { tempDir } from '../helpers/temp-dir.js';
import { call, type Folders, perform } from './fixture.js';

/** Where KVM opens and yet runs no firmware, as in some nested hosts, TCG is what tests can rely on. */
class TcgDriver extends QemuDriver {
  override async probe(path: string) {
    const found = await super.probe(path);
    const qemu = { ...found.abilities.qemu, accelerators: ['tcg' as const] };
    return { ...found, abilities: { ...found.abilities, qemu } };
  }
}

/** The folders of a daemon and the ticker of an architecture; no baton-vmm. */
export async function makeQemuFolders(target: QemuTarget): Promise<Folders> {
  const { path, remove } = await tempDir();
  const kernel = `${path}/ticker.bin`;
  writeFileSync(kernel, target === 'x86_64' ? x86Ticker() : ticker({ patternMiB: 2 }).bytes);
  return { path, stateDir: `${path}/s`, runtimeDir: `${path}/r`, kernel, vmm: '', remove };
}

export async function startQemuApp({ stateDir, runtimeDir }: Folders): Promise<App> {
  for (const folder of [stateDir, runtimeDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' }, pino.destination({ fd: 2, sync: true }));
  const store = new Store({ path: `${stateDir}/batond.sqlite`, nowMs: Date.now });
  const drivers = new Map([['qemu' as const, new TcgDriver()]]);
  const services: Services = {
    store,
    host: new LinuxProcesses(),
    drivers,
    builds: new BuildRegistry(store, drivers),
    log,
    stateDir,
    runtimeDir,
    newId: randomUUID,
    deadlinesMs: {},
    journalObserver: () => undefined,
  };
  const supervisor = new Supervisor(services);
  await supervisor.recover();
  const server = await createServer({ services, supervisor, version: '0' });
  return {
    server,
    services,
    supervisor,
    async close(deadlineMs) {
      await supervisor.stop(deadlineMs);
      await server.close();
      store.close();
    },
  };
}

/** Registers a QEMU under a path of its own, so that the same binary can be two builds. Returns the build's id. */
export async function registerQemu(
  app: App,
  folders: Folders,
  name: string,
  binary: string,
): Promise<string> {
  const path = `${folders.path}/${name}`;
  symlinkSync(binary, path);
  const { status, body } = await call(app, 'POST', '/v1/builds', { kind: 'qemu', path });
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  return body.id;
}

export async function runOnQemu(app: App, folders: Folders, build: string): Promise<string> {
  const document = { name: 'guest', memoryMiB: 64, kernel: folders.kernel, build };
  const { status, body } = await call(app, 'POST', '/v1/machines', document);
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  await perform(app, `/v1/machines/${body.id}/start`);
  return body.id;
}
