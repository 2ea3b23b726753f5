/** What a daemon has learned of two builds of real QEMU, the next one need not ask. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { call, type Folders, tearDown } from '../fixture.js';
import { makeQemuFolders, registerWrapper, runOnQemu, startQemuApp } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const SUITE = 'preflight after a restart';
const qemu = findInCache().qemu('11.1', 'riscv64');
const binary = 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
/** How a wrapper is run to be asked at length: what a line needs, what streams hold, a rehearsal's two sides. */
const AT_LENGTH = /^-help$| -dump-vmstate |\/trial\//;

const test = suite<Context>(SUITE);

test.before.each(async (context) => {
  context.folders = await makeQemuFolders('riscv64');
  context.app = await startQemuApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

/** Its runs are written to a file of its name. */
function registerTold(app: App, folders: Folders, name: string): Promise<string> {
  const lines = [`echo "$*" >> '${folders.path}/${name}.runs'`];
  return registerWrapper(app, folders, name, { binary, lines });
}

/** The words of the runs at length since the last look. */
function runsOf({ path }: Folders, name: string): readonly string[] {
  const file = `${path}/${name}.runs`;
  const runs = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  rmSync(file, { force: true });
  return runs.filter((run) => AT_LENGTH.test(run));
}

test('neither build is asked at length again, unless what was kept is damaged', async (context) => {
  const { folders } = context;
  const source = await registerTold(context.app, folders, 'source');
  const target = await registerTold(context.app, folders, 'target');
  const id = await runOnQemu(context.app, folders, source);
  const preflight = async () => {
    const { body } = await call(context.app, 'POST', `/v1/machines/${id}/preflight`, { build: target });
    assert.is(body.verdict, 'can-upgrade', JSON.stringify(body));
    return body.findings;
  };
  const restart = async () => {
    await context.app.close(15_000);
    context.app = await startQemuApp(folders);
  };
  const findings = await preflight();
  /* The target knows its line, and both have a side in the rehearsal and a dump. */
  assert.equal([runsOf(folders, 'source').length, runsOf(folders, 'target').length], [2, 3]);
  await restart();
  assert.equal(await preflight(), findings);
  assert.equal([runsOf(folders, 'source'), runsOf(folders, 'target')], [[], []]);
  const kept = `${folders.stateDir}/answers`;
  for (const name of readdirSync(kept)) writeFileSync(`${kept}/${name}`, 'damaged');
  await restart();
  assert.equal(await preflight(), findings);
  assert.equal([runsOf(folders, 'source').length, runsOf(folders, 'target').length], [2, 3]);
});

if ('missing' in qemu) skipSuite(SUITE, qemu.missing);
else test.run();
