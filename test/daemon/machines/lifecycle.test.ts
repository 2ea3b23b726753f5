/** A machine's life on the real VMM: every request, and everything a VMM or a guest can do by itself. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { assemble } from '../../asm/assemble.js';
import { waitFor } from '../../helpers/wait.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  makeFolders,
  operationEnd,
  perform,
  startApp,
  tearDown,
  tickerLines,
  ticksOf,
  vmmPids,
  writeFake,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

/** Powers off through the syscon as soon as it runs. */
const POWER_OFF = 'li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\nloop: j loop\n';

const test = suite<Context>('machine lifecycle');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

async function stateOf(app: App, id: string): Promise<string> {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body.state;
}

function becomes(app: App, id: string, state: string): Promise<unknown> {
  return waitFor(async () => (await stateOf(app, id)) === state, { what: `the machine to be ${state}` });
}

test('created, started, paused, resumed, stopped, deleted', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  assert.is(await stateOf(app, id), 'stopped');
  await perform(app, `/v1/machines/${id}/start`);
  assert.is(await stateOf(app, id), 'running');
  const ticks = await ticksOf(folders, id, 1, 0);
  await perform(app, `/v1/machines/${id}/pause`);
  assert.is(await stateOf(app, id), 'paused');
  const seen = tickerLines(folders, id, 1).length;
  await perform(app, `/v1/machines/${id}/resume`);
  assert.is(await stateOf(app, id), 'running');
  await ticksOf(folders, id, 1, ticks);
  assert.ok(tickerLines(folders, id, 1).length > seen);
  await perform(app, `/v1/machines/${id}/stop`, { powerdownMs: 50 });
  assert.is(await stateOf(app, id), 'stopped');
  assert.equal(vmmPids(folders), []);
  assert.is((await call(app, 'DELETE', `/v1/machines/${id}`)).status, 204);
  assert.is((await call(app, 'GET', `/v1/machines/${id}`)).body.code, 'machine_not_found');
  assert.not.ok(existsSync(`${folders.stateDir}/machines/${id}`));
  assert.not.ok(existsSync(`${folders.runtimeDir}/${id.slice(0, 8)}`));
});

test('what is so already succeeds at once', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const { status, body } = await call(app, 'POST', `/v1/machines/${id}/start`);
  assert.is(status, 202);
  assert.is(body.state, 'succeeded');
  assert.is(vmmPids(folders).length, 1);
  await perform(app, `/v1/machines/${id}/kill`);
  assert.is((await call(app, 'POST', `/v1/machines/${id}/stop`)).body.state, 'succeeded');
});

test('a killed machine starts again, as a new instance', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  await perform(app, `/v1/machines/${id}/kill`);
  assert.is(await stateOf(app, id), 'stopped');
  await perform(app, `/v1/machines/${id}/start`);
  await ticksOf(folders, id, 2, 0);
  const { body } = await call(app, 'GET', `/v1/machines/${id}/instances`);
  assert.equal(
    body.instances.map(({ generation, state, exitSignal }: Record<string, unknown>) => [
      generation,
      state,
      exitSignal,
    ]),
    [
      [1, 'gone', 'SIGKILL'],
      [2, 'alive', null],
    ],
  );
});

test('logs of the newest generations stay, older ones go', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  for (let round = 0; round < 10; round += 1) {
    await perform(app, `/v1/machines/${id}/start`);
    await perform(app, `/v1/machines/${id}/kill`);
  }
  const kept = readdirSync(`${folders.stateDir}/machines/${id}`)
    .map(Number)
    .sort((a, b) => a - b);
  assert.equal(kept, [3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a guest that powers itself off leaves its machine stopped', async ({ app, folders }) => {
  writeFileSync(folders.kernel, assemble(POWER_OFF, { origin: 0x80200000 }).bytes);
  const id = await createMachine(app, folders);
  await call(app, 'POST', `/v1/machines/${id}/start`);
  const machine = await waitFor(
    async () => {
      const { body } = await call(app, 'GET', `/v1/machines/${id}`);
      return body.stateReason === 'the guest powered itself off' ? body : null;
    },
    { what: 'the power off to be noticed' },
  );
  assert.is(machine.state, 'stopped');
  assert.is(machine.desiredPower, 'stopped');
  const told = (await call(app, 'GET', `/v1/events?machine=${id}&type=baton.guest.*`)).body.events;
  assert.is(told.length, 1);
  assert.is(told[0].type, 'baton.guest.shut-down');
  assert.equal(told[0].data, { generation: 1, reason: 'guest-shutdown' });
  assert.is(told[0].requester, 'daemon:batond');
});

test('a VMM that dies by itself leaves its machine crashed, with an event', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  process.kill(vmmPids(folders)[0] ?? 0, 'SIGKILL');
  await becomes(app, id, 'crashed');
  const { body } = await call(app, 'GET', `/v1/machines/${id}`);
  assert.match(body.stateReason, /SIGKILL/);
  const sockets = `${folders.runtimeDir}/${id.slice(0, 8)}/1`;
  await waitFor(() => !existsSync(sockets), { what: 'the sockets of the dead VMM to be gone' });
  const { events } = (await call(app, 'GET', '/v1/events')).body;
  const ended = events.find(({ type }: { type: string }) => type === 'baton.instance.ended');
  assert.is(ended.data.exitSignal, 'SIGKILL');
  assert.is(events.at(-1).type, 'baton.machine.state-changed');
  assert.is(events.at(-1).data.state, 'crashed');
  await perform(app, `/v1/machines/${id}/start`);
});

test('a kernel that does not exist: the start fails in the words of the VMM', async ({ app, folders }) => {
  const document = { name: 'm', memoryMiB: 32, kernel: `${folders.path}/none` };
  const { body } = await call(app, 'POST', '/v1/machines', document);
  const { headers } = await call(app, 'POST', `/v1/machines/${body.id}/start`);
  const operation = await operationEnd(app, String(headers.location));
  assert.is(operation.state, 'failed');
  assert.is(operation.error.code, 'vmm_start_failed');
  assert.match(operation.error.vmmOutput.join('\n'), new RegExp(`${folders.path}/none`));
  assert.is(await stateOf(app, body.id), 'stopped');
  assert.equal(vmmPids(folders), []);
});

test('a VMM that never opens its monitor is killed by the kill that breaks in', async ({ app, folders }) => {
  const path = writeFake(folders, 'never-listens');
  const build = (await call(app, 'POST', '/v1/builds', { kind: 'baton', path })).body.id;
  const document = { name: 'm', memoryMiB: 32, kernel: folders.kernel, build };
  const { id } = (await call(app, 'POST', '/v1/machines', document)).body;
  const start = await call(app, 'POST', `/v1/machines/${id}/start`);
  await waitFor(() => vmmPids(folders).length === 1, { what: 'the VMM to be there' });
  assert.is((await call(app, 'POST', `/v1/machines/${id}/start`)).body.code, 'operation_in_progress');
  await perform(app, `/v1/machines/${id}/kill`);
  assert.is((await operationEnd(app, String(start.headers.location))).state, 'cancelled');
  assert.is(await stateOf(app, id), 'stopped');
  assert.equal(vmmPids(folders), []);
});

test('a stopped process: its machine can still be killed, and stopped', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  process.kill(vmmPids(folders)[0] ?? 0, 'SIGSTOP');
  await perform(app, `/v1/machines/${id}/kill`);
  assert.equal(vmmPids(folders), []);
});

test('a stopped process that did not do what it was told is not shown as running', async ({
  app,
  folders,
}) => {
  const id = await createRunning(app, folders);
  const [pid = 0] = vmmPids(folders);
  process.kill(pid, 'SIGSTOP');
  const { body: accepted } = await call(app, 'POST', `/v1/machines/${id}/pause`);
  const ended = async () => (await call(app, 'GET', `/v1/operations/${accepted.id}`)).body.state === 'failed';
  await waitFor(ended, { what: 'the pause to fail', deadlineMs: 15_000 });
  const state = async () => (await call(app, 'GET', `/v1/machines/${id}`)).body.state;
  await waitFor(async () => (await state()) === 'unresponsive', { what: 'its silence to be noticed' });
  process.kill(pid, 'SIGCONT');
  await waitFor(async () => (await state()) !== 'unresponsive', { what: 'the machine to be seen again' });
});

test('what does not fit the state is refused, with what to do', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  for (const action of ['pause', 'resume', 'upgrade']) {
    const { status, body } = await call(app, 'POST', `/v1/machines/${id}/${action}`);
    assert.is(status, 409);
    assert.is(body.code, 'wrong_state');
    assert.match(body.detail, /it is stopped: start it first/);
  }
  await perform(app, `/v1/machines/${id}/start`);
  const { body } = await call(app, 'DELETE', `/v1/machines/${id}`);
  assert.is(body.code, 'wrong_state');
});

test('names are unique', async ({ app, folders }) => {
  await createMachine(app, folders, 'same');
  const document = { name: 'same', memoryMiB: 32, kernel: folders.kernel };
  const { status, body } = await call(app, 'POST', '/v1/machines', document);
  assert.is(status, 409);
  assert.is(body.code, 'machine_name_taken');
});

test('the id of a machine is no name for another', async ({ app, folders }) => {
  const id = await createMachine(app, folders);
  const document = { name: id, memoryMiB: 32, kernel: folders.kernel };
  const { body } = await call(app, 'POST', '/v1/machines', document);
  assert.is(body.code, 'machine_name_taken');
});

test('a store with no room left: the request is refused, the guest runs on', async ({ app, folders }) => {
  const id = await createRunning(app, folders);
  const { store } = app.services;
  store.limitPages(store.pageCount);
  const answer = await waitFor(
    async () => {
      const { status, body } = await call(app, 'POST', `/v1/machines/${id}/start`);
      return status === 507 ? body : null;
    },
    { what: 'the store to be full' },
  );
  assert.is(answer.code, 'store_full');
  assert.is(await stateOf(app, id), 'running');
  const ticks = await ticksOf(folders, id, 1, 0);
  await ticksOf(folders, id, 1, ticks);
  store.limitPages(1_000_000);
  await perform(app, `/v1/machines/${id}/pause`);
});

test('a VMM that dies while the store is full: seen as crashed when there is room', async ({
  app,
  folders,
}) => {
  const id = await createRunning(app, folders);
  const { store } = app.services;
  store.limitPages(store.pageCount);
  const refused = async () => (await call(app, 'POST', `/v1/machines/${id}/start`)).status === 507;
  await waitFor(refused, { what: 'the store to be full' });
  process.kill(vmmPids(folders)[0] ?? 0, 'SIGKILL');
  const sockets = `${folders.runtimeDir}/${id.slice(0, 8)}/1`;
  await waitFor(() => vmmPids(folders).length === 0, { what: 'the VMM to end' });
  await waitFor(refused, { what: 'the store to be full still' });
  store.limitPages(1_000_000);
  await becomes(app, id, 'crashed');
  const { body } = await call(app, 'GET', `/v1/machines/${id}`);
  assert.match(body.stateReason, /SIGKILL/);
  const { instances } = (await call(app, 'GET', `/v1/machines/${id}/instances`)).body;
  assert.is(instances[0].state, 'gone');
  await waitFor(() => !existsSync(sockets), { what: 'the sockets of the dead VMM to be gone' });
  await perform(app, `/v1/machines/${id}/start`);
});

test.run();
