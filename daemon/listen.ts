/** The daemon on its socket: folder lock, stale sockets, file mode, and the way back. */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { App } from './app.js';
import type { Config } from './config.js';
import { lockFolder } from './folder-lock.js';
import { within } from './instance/deadline.js';

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

export async function listen(
  config: Config,
  create: (settings: Settings) => Promise<App>,
): Promise<Listening> {
  const { stateDir, runtimeDir, consoleLogBytes, keepEvents, socketPath, socketMode } = config;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  const lock = lockFolder(stateDir);
  if (await isServed(socketPath)) {
    lock.release();
    throw new Error(`something listens on ${socketPath} already: stop it, or choose another --socket`);
  }
  removeStaleSocket(socketPath);
  const app = await create({ stateDir, runtimeDir, consoleLogBytes, keepEvents });
  await app.server.listen({ path: socketPath });
  chmodSync(socketPath, socketMode);
  return {
    app,
    async close(deadlineMs) {
      await app.close(deadlineMs);
      lock.release();
    },
  };
}
