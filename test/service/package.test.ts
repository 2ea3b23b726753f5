/**
 * What `npm pack` makes, installed by npm as a user does, into a prefix, from an empty folder. Scripts of packages do not
 * run, as compiling SQLite takes minutes: the result of that is taken from the repository's own packages, where the same
 * script made it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tickerLines } from '../daemon/fixture.js';
import { DaemonClient } from '../demo/daemon-client.js';
import { ticker } from '../guests/ticker.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { packBaton, REPOSITORY } from './package.js';

const INSTALL_DEADLINE_MS = 240_000;
const COMPILED = 'node_modules/better-sqlite3/build/Release';

const test = suite('the package');
let dir: TempDir;
let children: ChildProcess[];

test.before(async () => {
  dir = await tempDir();
  children = [];
  const empty = `${dir.path}/empty`;
  await mkdir(empty);
  const tarball = await packBaton(dir.path);
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  const args = ['install', '--global', '--prefix', `${dir.path}/prefix`, ...quiet, tarball];
  await execa('npm', args, { cwd: empty, timeout: INSTALL_DEADLINE_MS });
  await cp(`${REPOSITORY}${COMPILED}/better_sqlite3.node`, `${installed()}/${COMPILED}/better_sqlite3.node`);
});
test.after(async () => {
  for (const child of children) {
    if (child.exitCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await dir.remove();
});

const installed = () => `${dir.path}/prefix/lib/node_modules/baton`;
const program = (name: string) => `${dir.path}/prefix/bin/${name}`;

test('it brings its programs, and nothing that only its makers need', async () => {
  const { stdout } = await execa(program('batond'), ['--version']);
  assert.match(stdout, /^batond \d+\.\d+\.\d+$/);
  assert.match((await execa(program('baton'), ['--version'])).stdout, /^baton \d+\.\d+\.\d+$/);
  assert.match((await execa(program('baton-vmm'), ['-version'])).stdout, /Baton|baton/);
  assert.is((await execa(program('batond-setup'), [], { reject: false })).exitCode, 2);
  assert.is((await execa(program('batond-host'), [], { reject: false })).exitCode, 2);
  const modules = await readdir(`${installed()}/node_modules`);
  for (const name of ['typescript', 'esbuild', 'uvu', '@biomejs'])
    assert.not.ok(modules.includes(name), name);
  assert.equal(
    (await readdir(installed())).filter((name) => ['test', 'vmm', 'daemon'].includes(name)),
    [],
  );
});

test('the addon that it brings fits the machine that made it', async () => {
  const { stdout } = await execa(process.execPath, [`${installed()}/native/install.mjs`]);
  assert.is(stdout, 'native: the addon of the package fits this machine');
});

test('its units can be put below another root, with the folder of its programs', async () => {
  const root = `${dir.path}/root`;
  await execa(program('batond-setup'), ['install'], { env: { DESTDIR: root } });
  const { stdout } = await execa('cat', [`${root}/etc/systemd/system/batond.service`]);
  assert.match(stdout, `ExecStart=${program('batond')}\n`);
  assert.match(
    (await execa(program('batond'), ['--check-config', '--config', `${root}/etc/baton/batond.yaml`])).stdout,
    'is sound',
  );
  const completion = `${root}/usr/local/share/bash-completion/completions/baton`;
  assert.match(await readFile(completion, 'utf8'), 'complete ');
});

test('its manual page is where man looks for pages of that prefix', async () => {
  assert.match(await readFile(`${dir.path}/prefix/share/man/man1/baton.1`, 'utf8'), '.TH');
});

test('its daemon runs a machine on its VMM', async () => {
  const [stateDir, runtimeDir] = [`${dir.path}/s`, `${dir.path}/r`];
  const kernel = `${dir.path}/ticker.bin`;
  await writeFile(kernel, ticker({ patternMiB: 2 }).bytes);
  const folders = ['--state-dir', stateDir, '--runtime-dir', runtimeDir, '--log-level', 'error'];
  const child = spawn(program('batond'), folders, { stdio: ['ignore', 'inherit', 'inherit'] });
  children.push(child);
  const client = new DaemonClient(`${runtimeDir}/batond.sock`);
  const wait = { deadlineMs: 60_000, what: 'the daemon to answer' };
  await waitFor(() => client.get('/v1').catch(() => null), wait);
  const { id } = await client.post<{ id: string }>('/v1/machines', { name: 'm', memoryMiB: 32, kernel });
  await client.perform(`/v1/machines/${id}/start`);
  const ticks = () => tickerLines({ stateDir } as Parameters<typeof tickerLines>[0], id, 1).length > 0;
  await waitFor(ticks, { deadlineMs: 30_000, what: 'the guest to tick' });
  await client.perform(`/v1/machines/${id}/kill`);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await within(exit, 30_000, 'the daemon to end');
});

test.run();
