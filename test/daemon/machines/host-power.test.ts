/** What becomes of machines as their host goes down and comes up. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { DEFAULT_HOST_POLICY, type Machine, type SavedState } from '../../../daemon/machine.js';
import { wayDown, wayUp } from '../../../daemon/machines/host-power.js';
import {
  call,
  createRunning,
  type Folders,
  makeFolders,
  operationEnd,
  startApp,
  tearDown,
  ticksOf,
} from '../fixture.js';

const SAVED: SavedState = { generation: 1, bytes: 1, wasRunning: true, savedAtMs: 0, loadedBy: null };

function machine(policy: Partial<Machine['spec']>, of: Partial<Machine>): Machine {
  const known = { state: 'running', savedState: null, beforeShutdown: null };
  return { ...known, ...of, spec: { ...DEFAULT_HOST_POLICY, ...policy } } as unknown as Machine;
}

const policy = suite('policy of the host');

policy('down: what has a guest is stopped or suspended, and stopped when its suspend failed', () => {
  const suspended = { onHostShutdown: 'suspend' } as const;
  assert.is(wayDown(machine({}, {})), 'stop');
  assert.is(wayDown(machine(suspended, {})), 'suspend');
  assert.is(wayDown(machine(suspended, { state: 'paused' })), 'suspend');
  assert.is(wayDown(machine(suspended, { state: 'unresponsive' })), 'stop');
  assert.is(wayDown(machine(suspended, { beforeShutdown: 'running' })), 'stop');
  for (const state of ['stopped', 'crashed', 'suspended'] as const)
    assert.is(wayDown(machine({}, { state })), null);
});

policy('up: as it was, in any case, or not at all', () => {
  const down = { state: 'stopped', beforeShutdown: 'running' } as const;
  const saved = { state: 'suspended', savedState: SAVED, beforeShutdown: 'running' } as const;
  for (const [onHostBoot, of, diedWithHost, expected] of [
    ['restore', down, false, 'start'],
    ['restore', saved, false, 'restore'],
    ['restore', { state: 'crashed' }, true, 'start'],
    ['restore', { state: 'crashed' }, false, null],
    ['restore', { state: 'stopped' }, false, null],
    ['restore', { ...down, beforeShutdown: 'paused' }, false, null],
    /* Its operator had suspended it. */
    ['restore', { ...saved, beforeShutdown: null }, false, null],
    ['start', { state: 'stopped' }, false, 'start'],
    ['start', saved, false, 'restore'],
    ['start', {}, false, null],
    ['leave', down, true, null],
    ['leave', saved, false, null],
  ] as const) {
    const words = `${onHostBoot} ${JSON.stringify(of)}`;
    assert.is(wayUp(machine({ onHostBoot }, of), diedWithHost), expected, words);
  }
});

policy.run();

const test = suite<{ folders: Folders; app: App }>('host shutdown and boot');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});
test.after.each(({ folders, app }) => tearDown(folders, app));

async function ended(app: App, path: string, payload?: object): Promise<string[]> {
  const { status, body } = await call(app, 'POST', path, payload);
  assert.is(status, 202, JSON.stringify(body));
  const states: string[] = [];
  for (const { id } of body.operations) {
    const { kind, state } = await operationEnd(app, `/v1/operations/${id}`);
    states.push(`${kind} ${state}`);
  }
  return states;
}

test('a machine is stopped, stays as wanted, and is started again', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  assert.equal(await ended(app, '/v1/host/shutdown', { powerdownMs: 0 }), ['stop succeeded']);
  assert.is((await call(app, 'GET', `/v1/machines/${id}`)).body.state, 'stopped');
  assert.equal(await ended(app, '/v1/host/shutdown'), [], 'again is nothing');
  assert.equal(await ended(app, '/v1/host/boot'), ['start succeeded']);
  await ticksOf(folders, id, 2, 0);
  assert.equal(await ended(app, '/v1/host/boot'), [], 'again is nothing');
});

test('a machine is suspended, and goes on where it was', async ({ app, folders }) => {
  const body = { name: 'm', memoryMiB: 32, kernel: folders.kernel, onHostShutdown: 'suspend' };
  const { id, spec } = (await call(app, 'POST', '/v1/machines', body)).body;
  assert.equal([spec.onHostShutdown, spec.onHostBoot], ['suspend', 'restore']);
  await call(app, 'POST', `/v1/machines/${id}/start`).then(({ headers }) =>
    operationEnd(app, String(headers.location)),
  );
  const ticks = await ticksOf(folders, id, 1, 0);
  assert.equal(await ended(app, '/v1/host/shutdown'), ['suspend succeeded']);
  assert.equal(await ended(app, '/v1/host/boot'), ['restore succeeded']);
  await ticksOf(folders, id, 2, ticks);
});

test('asked again while it is under way, it is the same operation', async ({ app, folders }) => {
  await createRunning(app, folders);
  /* The guest does not hear the button. */
  const first = (await call(app, 'POST', '/v1/host/shutdown', { powerdownMs: 3_000 })).body.operations;
  const second = (await call(app, 'POST', '/v1/host/shutdown')).body.operations;
  assert.is(first.length, 1);
  assert.is(second[0].id, first[0].id);
  await operationEnd(app, `/v1/operations/${first[0].id}`);
});

test('who is asked for something else since then is not brought back', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  await ended(app, '/v1/host/shutdown', { powerdownMs: 0 });
  const { headers } = await call(app, 'POST', `/v1/machines/${id}/stop`);
  await operationEnd(app, String(headers.location));
  assert.equal(await ended(app, '/v1/host/boot'), []);
});

test('unknown words of a document and of a body are refused', async ({ app, folders }) => {
  const body = { name: 'm', memoryMiB: 32, kernel: folders.kernel };
  for (const member of [{ onHostShutdown: 'burn' }, { onHostBoot: 'maybe' }]) {
    assert.is((await call(app, 'POST', '/v1/machines', { ...body, ...member })).status, 400);
  }
  assert.is((await call(app, 'POST', '/v1/host/shutdown', { deadline: 1 })).status, 400);
  assert.is((await call(app, 'POST', '/v1/host/shutdown', { powerdownMs: -1 })).status, 400);
});

test.run();
