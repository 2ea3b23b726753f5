/** `baton` as a process of its own, against a daemon that listens on a socket of the test's. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { App } from '../../../daemon/app.js';
import { type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

export const BATON = fileURLToPath(new URL('../../../daemon/cli/main.js', import.meta.url));
const DEADLINE_MS = 60_000;

export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Only what it needs to run: nothing of the surroundings of the tests. */
export function environment(socket: string, env: Readonly<Record<string, string>> = {}) {
  return { PATH: process.env.PATH ?? '', HOME: '/nowhere', BATON_HOST: `unix:${socket}`, ...env };
}

export async function baton(
  socket: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BATON, ...args], {
    ...{ reject: false, timeout: DEADLINE_MS, extendEnv: false, stripFinalNewline: false },
    env: environment(socket, options.env),
    input: options.input ?? '',
  });
  return { exitCode, stdout, stderr };
}

/** A daemon, and `baton` for it. */
export interface Stage {
  readonly folders: Folders;
  readonly app: App;
  readonly socket: string;
  run(...args: string[]): Promise<Ended>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const folders = await makeFolders();
  mkdirSync(folders.runtimeDir, { recursive: true });
  const socket = `${folders.path}/b.sock`;
  const app = await startApp(folders);
  await app.server.listen({ path: socket });
  return {
    ...{ folders, app, socket },
    run: (...args) => baton(socket, args),
    close: () => tearDown(folders, app),
  };
}
