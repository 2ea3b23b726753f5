/** Who may what over the unix socket, asked by real processes of other users. */
import { chmodSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommandLine } from '../../../daemon/config.js';
import { type Listening, listen } from '../../../daemon/listen.js';
import { skipSuite } from '../../helpers/skip.js';
import { type Folders, makeFolders, startApp, tearDown } from '../fixture.js';
import { ask, askAs } from './client.js';

interface Context {
  folders: Folders;
  daemon: Listening;
  socket: string;
}

const NOBODY = 65_534;
/** A group that every host has, and its number. */
const GROUP_NAME = 'daemon';
const GROUP = 1;
const OUTSIDER = { uid: NOBODY, gid: NOBODY, groups: [] };
const MEMBER = { uid: NOBODY, gid: NOBODY, groups: [70_001, GROUP] };
const MAIN_MEMBER = { uid: 70_555, gid: GROUP, groups: [] };

const test = suite<Context>('access over the unix socket');

async function start(context: Context, options: readonly string[]): Promise<void> {
  const { stateDir, runtimeDir } = context.folders;
  const request = parseCommandLine(['--state-dir', stateDir, '--runtime-dir', runtimeDir, ...options]);
  if (request.action !== 'run') throw new Error('expected a daemon that runs');
  context.socket = request.config.socketPath;
  context.daemon = await listen(request.config, (settings) =>
    startApp(context.folders, { ...settings, ownBuild: null }),
  );
}

test.before.each(async (context) => {
  context.folders = await makeFolders();
  chmodSync(context.folders.path, 0o755);
});

test.after.each(async ({ folders, daemon }) => {
  await daemon.close(5_000);
  await tearDown(folders, null);
});

test('without a group: nobody else can even connect', async (context) => {
  await start(context, []);
  const { status, body } = await askAs(OUTSIDER, context.socket, { path: '/v1' });
  assert.equal([status, body], [0, 'EACCES']);
  assert.is((await ask({ socketPath: context.socket }, { path: '/v1' })).status, 200);
});

test('with a group: its members are let in, by their main group and by another, and see nothing else', async (context) => {
  await start(context, ['--socket-group', GROUP_NAME]);
  const { socket, folders } = context;
  assert.is(statSync(socket).mode & 0o777, 0o660);
  assert.is(statSync(socket).gid, GROUP);
  assert.is(statSync(folders.runtimeDir).mode & 0o777, 0o710);
  assert.equal(await askAs(OUTSIDER, socket, { path: '/v1' }), { status: 0, body: 'EACCES' });
  for (const user of [MEMBER, MAIN_MEMBER]) {
    assert.is((await askAs(user, socket, { path: '/v1' })).status, 200);
    const change = await askAs(user, socket, { method: 'POST', path: '/v1/machines/none/start' });
    assert.equal([change.status, change.body.code], [404, 'machine_not_found']);
    const program = await askAs(user, socket, { method: 'DELETE', path: '/v1/builds/none' });
    assert.equal([program.status, program.body.code], [403, 'forbidden']);
    assert.match(program.body.detail, /asks for the role admin, and .* has the role operator/);
  }
});

test('members have the role of their group; root has all of them', async (context) => {
  await start(context, ['--socket-group', GROUP_NAME, '--group-role', 'viewer']);
  const { socket } = context;
  const start_ = { method: 'POST', path: '/v1/machines/none/start' };
  assert.is((await askAs(MEMBER, socket, { path: '/v1/machines' })).status, 200);
  assert.is((await askAs(MEMBER, socket, start_)).body.code, 'forbidden');
  assert.is((await ask({ socketPath: socket }, start_)).body.code, 'machine_not_found');
  const remove = { method: 'DELETE', path: '/v1/builds/none' };
  assert.is((await ask({ socketPath: socket }, remove)).body.code, 'build_not_found');
});

test('the mode of the file lets others in, the daemon does not: 401 for whatever is there or not', async (context) => {
  await start(context, ['--socket-group', GROUP_NAME]);
  chmodSync(context.folders.runtimeDir, 0o711);
  chmodSync(context.socket, 0o666);
  for (const path of ['/v1', '/v1/machines', '/v1/nothing', '/', '/v1/events']) {
    const { status, body } = await askAs(OUTSIDER, context.socket, { path });
    assert.equal([status, body.code], [401, 'unauthenticated'], path);
    assert.match(body.detail, `got uid ${NOBODY}`);
  }
});

if (process.getuid?.() === 0) test.run();
else skipSuite('access over the unix socket', 'only root can be other users');
