/**
 * A daemon in this process on throw-away folders, real `baton-vmm` processes, and the ticker guest. What a test
 * critically depends on stays in the test; here is only what every test would otherwise repeat.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type App, type AppOptions, createApp } from '../../daemon/app.js';
import { LinuxProcesses } from '../../daemon/instance/host.js';
import { keeperMark } from '../../daemon/keeper/files.js';
import { ticker } from '../guests/ticker.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import type { Behaviour } from './fake-vmm.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FAKE_VMM = fileURLToPath(new URL('./fake-vmm.js', import.meta.url));
const KILL_DEADLINE_MS = 10_000;

export interface Folders {
  readonly path: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly kernel: string;
  /** An installation of its own, so that nothing that is built meanwhile changes it. */
  readonly vmm: string;
  remove(): Promise<void>;
}

/** Another installation of this build of baton-vmm, at a path of its own. Returns its start. */
export function installVmm(folder: string): string {
  mkdirSync(`${folder}/native`, { recursive: true });
  cpSync(`${ROOT}dist/vmm`, `${folder}/dist/vmm`, { recursive: true });
  cpSync(`${ROOT}dist/native`, `${folder}/dist/native`, { recursive: true });
  cpSync(`${ROOT}package.json`, `${folder}/package.json`);
  symlinkSync(`${ROOT}native/build`, `${folder}/native/build`);
  symlinkSync(`${ROOT}node_modules`, `${folder}/node_modules`);
  return `${folder}/dist/vmm/baton-vmm.cjs`;
}

export async function makeFolders(): Promise<Folders> {
  const { path, remove } = await tempDir();
  const kernel = `${path}/ticker.bin`;
  writeFileSync(kernel, ticker({ patternMiB: 2 }).bytes);
  const vmm = installVmm(`${path}/vmm-1`);
  return { path, stateDir: `${path}/s`, runtimeDir: `${path}/r`, kernel, vmm, remove };
}

export function writeFake(folders: Folders, behaviour: Behaviour): string {
  const path = `${folders.path}/${behaviour}.mjs`;
  writeFileSync(
    path,
    `import { run } from ${JSON.stringify(FAKE_VMM)};\nrun(${JSON.stringify(behaviour)});\n`,
  );
  return path;
}

export function startApp(folders: Folders, options: Partial<AppOptions> = {}): Promise<App> {
  const { stateDir, runtimeDir, vmm } = folders;
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' }, pino.destination({ fd: 2, sync: true }));
  const ownBuild = { kind: 'baton', path: vmm } as const;
  return createApp({ stateDir, runtimeDir, version: '0', log, ownBuild, ...options });
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: documents are asserted on member by member
  readonly body: any;
}

export async function call(
  { server }: App,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object | string,
): Promise<Answer> {
  const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
  const response = await server.inject({
    method,
    url,
    headers,
    ...(payload === undefined ? {} : { payload }),
  });
  const isJson = String(response.headers['content-type']).includes('json');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? JSON.parse(response.body) : response.body,
  };
}

/** Resolves with the document of an operation that has ended. */
export function operationEnd(app: App, path: string, deadlineMs = 30_000): Promise<Answer['body']> {
  return waitFor(
    async () => {
      const { body } = await call(app, 'GET', path);
      return body.state === 'running' ? null : body;
    },
    { deadlineMs, what: `${path} to end` },
  );
}

/** Asks and waits; fails unless the operation succeeds. */
export async function perform(app: App, url: string, payload?: object): Promise<Answer['body']> {
  const { status, headers, body } = await call(app, 'POST', url, payload);
  if (status !== 202) throw new Error(`expected 202 from ${url}, got ${status} ${JSON.stringify(body)}`);
  const operation = await operationEnd(app, String(headers.location));
  if (operation.state !== 'succeeded') throw new Error(`${url}: ${JSON.stringify(operation.error)}`);
  return operation;
}

export async function createMachine(app: App, folders: Folders, name = 'm'): Promise<string> {
  const document = { name, memoryMiB: 32, kernel: folders.kernel };
  const { status, body } = await call(app, 'POST', '/v1/machines', document);
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  return body.id;
}

export async function createRunning(app: App, folders: Folders): Promise<string> {
  const id = await createMachine(app, folders);
  await perform(app, `/v1/machines/${id}/start`);
  await ticksOf(folders, id, 1, 0);
  return id;
}

/** Registers a fake as a build; returns its id. */
export async function registerFake(app: App, folders: Folders, behaviour: Behaviour): Promise<string> {
  const path = writeFake(folders, behaviour);
  const { status, body } = await call(app, 'POST', '/v1/builds', { kind: 'baton', path });
  if (status !== 201) throw new Error(`expected 201, got ${status} ${JSON.stringify(body)}`);
  return body.id;
}

/** The document of an upgrade that has ended, however it did. */
export async function upgradeEnd(app: App, id: string, body: object = {}): Promise<Answer['body']> {
  const { status, headers, body: answer } = await call(app, 'POST', `/v1/machines/${id}/upgrade`, body);
  if (status !== 202) throw new Error(`expected 202, got ${status} ${JSON.stringify(answer)}`);
  await operationEnd(app, String(headers.location));
  return (await call(app, 'GET', answer.upgrade)).body;
}

interface Line {
  readonly ticks: number;
  readonly maxGapUs: number;
  readonly isIntact: boolean;
}

/** The guest's own words, from the console log of one generation. */
export function tickerLines(folders: Folders, id: string, generation: number): Line[] {
  const path = `${folders.stateDir}/machines/${id}/${generation}/console.log`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'latin1').matchAll(
    /ticker: ticks=(\d+) gap_us=\d+ max_gap_us=(\d+) pattern=(\w+)\r?\n/g,
  );
  return [...lines].map(([, ticks, maxGapUs, pattern]) => ({
    ticks: Number(ticks),
    maxGapUs: Number(maxGapUs),
    isIntact: pattern === 'ok',
  }));
}

/** Waits until the guest has told of more than `above` ticks in this generation; checks its memory. */
export async function ticksOf(
  folders: Folders,
  id: string,
  generation: number,
  above: number,
): Promise<number> {
  const line = await waitFor(
    () => tickerLines(folders, id, generation).findLast(({ ticks }) => ticks > above),
    { deadlineMs: 20_000, what: `the guest to tick in generation ${generation} beyond ${above}` },
  );
  if (tickerLines(folders, id, generation).some(({ isIntact }) => !isIntact)) {
    throw new Error('expected the memory pattern of the guest to be intact');
  }
  return line.ticks;
}

/** VMMs of the machines of these folders, whoever started them. */
export function vmmPids(folders: Folders): number[] {
  const rehearsing = rehearsalPids(folders);
  return pidsBelow(folders.runtimeDir).filter((pid) => !rehearsing.includes(pid));
}

export function rehearsalPids(folders: Folders): number[] {
  return pidsBelow(`${folders.runtimeDir}/trial`);
}

function pidsBelow(folder: string): number[] {
  return new LinuxProcesses().findByArgument(`unix:${folder}/`).map(({ pid }) => pid);
}

/** Processes that hold the memory of a guest of these folders. */
export function keeperPids(folders: Folders): number[] {
  return new LinuxProcesses().findByArgument(keeperMark(folders.runtimeDir)).map(({ pid }) => pid);
}

/** Leaves nothing behind, whatever the test left. */
export async function tearDown(folders: Folders, app: App | null): Promise<void> {
  await app?.close(15_000);
  const host = new LinuxProcesses();
  for (const mark of [`unix:${folders.runtimeDir}/`, keeperMark(folders.runtimeDir)]) {
    for (const process of host.findByArgument(mark)) await host.kill(process, KILL_DEADLINE_MS);
  }
  await folders.remove();
}
