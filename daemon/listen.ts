/** The daemon on its socket: folder lock, stale or inherited sockets, file mode and group, and the way back. */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { App } from './app.js';
import type { Config } from './config.js';
import { lockFolder } from './folder-lock.js';
import { within } from './instance/deadline.js';
import { groupNamed } from './service/accounts.js';
import { type InheritedSocket, UNIX_SOCKET } from './service/inherited-sockets.js';

const PROBE_DEADLINE_MS = 1_000;

/** What the parts are told of the configuration. */
export type Settings = Pick<Config, 'stateDir' | 'runtimeDir' | 'consoleLogBytes' | 'keepEvents'>;

export interface Listening {
  readonly app: App;
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
  { socketPath, socketMode, socketGroup }: Config,
): Promise<void> {
  await server.listen({ path: socketPath });
  if (socketGroup !== null) chownSync(socketPath, -1, groupNamed(socketGroup));
  chmodSync(socketPath, socketMode);
}

/** Its file, mode and group are its unit's. Nobody can ask Node where such a socket is, but Fastify does. */
async function listenOnInherited(server: FastifyInstance, fd: number, path: string): Promise<void> {
  server.server.address = () => path;
  await server.listen({ path, fd } as { path: string });
}

export async function listen(
  config: Config,
  create: (settings: Settings) => Promise<App>,
  inherited: readonly InheritedSocket[] = [],
): Promise<Listening> {
  const { stateDir, runtimeDir, consoleLogBytes, keepEvents, socketPath } = config;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const lock = lockFolder(stateDir);
  const socket = inherited.find(({ name }) => name === UNIX_SOCKET);
  try {
    if (socket === undefined) await requireFree(socketPath);
    const app = await create({ stateDir, runtimeDir, consoleLogBytes, keepEvents });
    if (socket === undefined) await listenOn(app.server, config);
    else await listenOnInherited(app.server, socket.fd, socketPath);
    return {
      app,
      async close(deadlineMs) {
        await app.close(deadlineMs);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
