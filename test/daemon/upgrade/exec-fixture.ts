/** One daemon for a suite, so that what preflight has learnt of its builds stays known, and a guest for each test. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuTarget } from '../../fetch/cache.js';
import {
  call,
  type Folders,
  keeperPids,
  perform,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';
import {
  atTakeOver,
  makeQemuFolders,
  registerQemu,
  registerWrapper,
  runOnQemu,
  startQemuApp,
} from '../qemu-fixture.js';

export interface ExecContext {
  folders: Folders;
  app: App;
  id: string;
  /** What the guest had counted to before the test. */
  before: number;
  source: string;
  target: string;
  /** Does, where it is to take a guest over, what `misbehave` says. */
  bad: string;
  atMoment: (moment: string) => void;
  deadlinesMs: Record<string, number>;
}

export function findQemu(architecture: QemuTarget): { readonly path: string } | { readonly missing: string } {
  const found = findInCache().qemu('11.1', architecture);
  return 'missing' in found ? found : { path: found.argvPrefix[0] ?? '' };
}

const actOf = ({ path }: Folders) => `${path}/act`;

export async function startApp(context: ExecContext): Promise<void> {
  context.app = await startQemuApp(context.folders, {
    deadlinesMs: context.deadlinesMs,
    journalObserver: (moment) => context.atMoment(moment),
  });
}

export async function startSuite(context: ExecContext, architecture: QemuTarget): Promise<void> {
  const found = findQemu(architecture);
  const path = 'missing' in found ? '' : found.path;
  context.atMoment = () => undefined;
  context.deadlinesMs = {};
  context.folders = await makeQemuFolders(architecture);
  await startApp(context);
  const { app, folders } = context;
  context.source = await registerQemu(app, folders, 'one', path);
  context.target = await registerQemu(app, folders, 'other', path);
  const lines = atTakeOver(`. '${actOf(folders)}'`);
  context.bad = await registerWrapper(app, folders, 'bad', { binary: path, lines });
}

export async function startGuest(context: ExecContext): Promise<void> {
  context.id = await runOnQemu(context.app, context.folders, context.source);
  context.before = await ticksOf(context.folders, context.id, 1, 100);
}

export async function endGuest(context: ExecContext): Promise<void> {
  context.atMoment = () => undefined;
  for (const name of Object.keys(context.deadlinesMs)) delete context.deadlinesMs[name];
  const { machines } = (await call(context.app, 'GET', '/v1/machines')).body;
  for (const { id } of machines) {
    await perform(context.app, `/v1/machines/${id}/kill`);
    await call(context.app, 'DELETE', `/v1/machines/${id}`);
  }
}

export function endSuite({ folders, app }: ExecContext): Promise<void> {
  return tearDown(folders, app);
}

/** A line of shell that the bad build does instead of running, or before it. */
export function misbehave({ folders }: ExecContext, act: string): void {
  writeFileSync(actOf(folders), `${act}\n`);
}

export function exec({ app, id }: ExecContext, build: string) {
  return upgradeEnd(app, id, { build, mode: 'cpr-exec' });
}

export async function machineOf({ app, id }: ExecContext) {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body;
}

export async function instanceOf({ app, id }: ExecContext, generation: number) {
  return (await call(app, 'GET', `/v1/machines/${id}/instances`)).body.instances[generation - 1];
}

/** The guest counts on in `generation`; one VMM is there, and nothing that the upgrade needed. */
export async function goesOn({ app, folders, id, before }: ExecContext, generation: number): Promise<void> {
  await ticksOf(folders, id, generation, before);
  assert.is(vmmPids(folders).length, 1, 'one VMM');
  assert.equal(keeperPids(folders), [], 'no keeper');
  assert.equal(readdirSync(`${folders.runtimeDir}/${id.slice(0, 8)}`), [String(generation)]);
  for (const { socketsDir, state } of app.services.store.instances.ofMachine(id)) {
    assert.is(existsSync(socketsDir), state === 'alive', `sockets in ${socketsDir}`);
  }
}
