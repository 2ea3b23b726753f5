/** The daemon on its socket: folder lock, stale or inherited sockets, file mode and group, and the way back. */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { AccessOptions } from './access/access.js';
import type { App } from './app.js';
import type { Config } from './config.js';
import { lockFolder } from './folder-lock.js';
import { openMetricsPlace } from './http/metrics-place.js';
import { within } from './instance/deadline.js';
import { groupNamed } from './service/accounts.js';
import { type InheritedSocket, TLS_SOCKET, UNIX_SOCKET } from './service/inherited-sockets.js';
import { type ListenPlace, TlsListener } from './tls-listener.js';

const PROBE_DEADLINE_MS = 1_000;

/** What the parts are told of the configuration. */
export type Settings = Pick<
  Config,
  'stateDir' | 'runtimeDir' | 'consoleLogBytes' | 'keepEvents' | 'keepAudit' | 'shutdownDeadlineMs'
> & { readonly access: AccessOptions };

export interface Listening {
  readonly app: App;
  /** Reads the files of TLS again. Throws when something of them is wrong; all stays then. */
  reload(): void;
  close(deadlineMs: number): Promise<void>;
}

/** Whether somebody listens there. A socket file that nobody listens on is left over. */
async function isServed(path: string): Promise<boolean> {
  const socket = connect(path);
  const connected = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  try {
    return await within(connected, { deadlineMs: PROBE_DEADLINE_MS, what: `an answer from ${path}` });
  } finally {
    socket.destroy();
  }
}

function removeStaleSocket(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new Error(`expected ${path} to be free or a socket, but another file is there`);
  rmSync(path);
}

async function requireFree(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await isServed(path)) {
    throw new Error(`something listens on ${path} already: stop it, or choose another --socket`);
  }
  removeStaleSocket(path);
}

async function listenOn(
  server: FastifyInstance,
  { socketPath, socketMode, runtimeDir }: Config,
  groupId: number | null,
): Promise<void> {
  await server.listen({ path: socketPath });
  if (groupId !== null) {
    chownSync(socketPath, -1, groupId);
    if (dirname(socketPath) === runtimeDir) letThrough(runtimeDir, groupId);
  }
  chmodSync(socketPath, socketMode);
}

/** An inherited socket has the group that its unit gave it. Null: that of the daemon. */
function groupIdOf({ socketGroup, socketPath }: Config, isInherited: boolean): number | null {
  if (socketGroup !== null) return groupNamed(socketGroup);
  return isInherited ? (lstatSync(socketPath, { throwIfNoEntry: false })?.gid ?? null) : null;
}

/** Members come through a folder of ours to the socket, and see nothing else there. */
function letThrough(folder: string, groupId: number): void {
  if ((statSync(folder).mode & 0o077) !== 0) return;
  chownSync(folder, -1, groupId);
  chmodSync(folder, 0o710);
}

/** Its file, mode and group are its unit's. Nobody can ask Node where such a socket is, but Fastify does. */
async function listenOnInherited(server: FastifyInstance, fd: number, path: string): Promise<void> {
  server.server.address = () => path;
  await server.listen({ path, fd } as { path: string });
}

function settingsOf(config: Config, groupId: number | null): Settings {
  const { stateDir, runtimeDir, consoleLogBytes, keepEvents, keepAudit, shutdownDeadlineMs } = config;
  const { groupRole, certificates, limits, maxStreams } = config.access;
  const access = { groupRole, certificates, limits, maxStreams, ...(groupId === null ? {} : { groupId }) };
  return { stateDir, runtimeDir, consoleLogBytes, keepEvents, keepAudit, shutdownDeadlineMs, access };
}

export async function listen(
  config: Config,
  create: (settings: Settings) => Promise<App>,
  inherited: readonly InheritedSocket[] = [],
): Promise<Listening> {
  const { stateDir, socketPath } = config;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(stateDir);
  const socket = inherited.find(({ name }) => name === UNIX_SOCKET);
  try {
    if (socket === undefined) await requireFree(socketPath);
    const groupId = groupIdOf(config, socket !== undefined);
    const app = await create(settingsOf(config, groupId));
    if (socket === undefined) await listenOn(app.server, config, groupId);
    else await listenOnInherited(app.server, socket.fd, socketPath);
    const listeners = await listenTls(config, app, inherited);
    const closeMetrics = await openMetricsPlace(app.server, config.file.metrics?.listen);
    return {
      app,
      reload() {
        for (const listener of listeners) listener.reload();
      },
      async close(deadlineMs) {
        await closeMetrics();
        await app.close(deadlineMs);
        await Promise.all(listeners.map((listener) => listener.close()));
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** On sockets that were inherited for it, else on those of the configuration. */
async function listenTls(
  { access: { tls, listen: addresses } }: Config,
  app: App,
  inherited: readonly InheritedSocket[],
): Promise<TlsListener[]> {
  const sockets = inherited.filter(({ name }) => name === TLS_SOCKET);
  const places = sockets.length > 0 ? sockets : addresses;
  if (places.length === 0) return [];
  if (tls === null) throw new Error(`expected tls.cert and tls.key for the socket ${TLS_SOCKET}, got none`);
  const listeners = places.map(() => new TlsListener({ files: tls, http: app.server.server }));
  await Promise.all(listeners.map((listener, index) => listener.listen(places[index] as ListenPlace)));
  return listeners;
}
