/** The guest of a running machine over REST: information, freezing for a time, and agents that do not do as they should. */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { waitFor } from '../../helpers/wait.js';
import {
  type Answer,
  call,
  createRunning,
  type Folders,
  makeFolders,
  operationEnd,
  perform,
  startApp,
  tearDown,
} from '../fixture.js';
import { askedOf, PATIENT, writeAgentVmm } from '../guest-agent/agent-vmm.js';
import type { AgentBehaviour } from '../guest-agent/fake-agent.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
}

const test = suite<Context>('the guest over REST');

/** Those that the daemon's own deadlines are for. */
const IS_SLOW = /^(silent|mute-|stuck-)/;

test.before.each(async (context) => {
  context.folders = await makeFolders();
});

test.after.each(async ({ folders, app }) => tearDown(folders, app));

async function start(context: Context, behaviour: AgentBehaviour): Promise<void> {
  const { folders } = context;
  const path = writeAgentVmm(folders, 'agent-vmm', behaviour);
  const deadlinesMs = IS_SLOW.test(behaviour) ? {} : PATIENT;
  context.app = await startApp(folders, { ownBuild: { kind: 'baton', path }, deadlinesMs });
  const document = { name: 'm', memoryMiB: 32, kernel: folders.kernel, guestAgent: true };
  const { body } = await call(context.app, 'POST', '/v1/machines', document);
  assert.is(body.spec?.guestAgent, true, JSON.stringify(body));
  context.id = body.id;
  await perform(context.app, `/v1/machines/${body.id}/start`);
}

function ask({ app, id }: Context, what: 'freeze' | 'thaw' | null, body?: object): Promise<Answer> {
  const url = `/v1/machines/${id}/guest`;
  return what === null ? call(app, 'GET', url) : call(app, 'POST', `${url}/${what}`, body);
}

async function frozen({ app, id }: Context): Promise<Answer['body']> {
  return (await call(app, 'GET', `/v1/machines/${id}`)).body.frozen;
}

function isFrozenInside({ folders }: Context): boolean {
  return existsSync(`${folders.path}/asked.frozen`);
}

async function eventTypes({ app }: Context): Promise<string[]> {
  const { body } = await call(app, 'GET', '/v1/events');
  return body.events.map(({ type }: { type: string }) => type);
}

test('a sound agent: what the guest says of itself', async (context) => {
  await start(context, 'good');
  const { status, body } = await ask(context, null);
  assert.is(status, 200, JSON.stringify(body));
  assert.equal([body.hostname, body.agentVersion, body.isFrozen], ['db1', '9.1.0', false]);
  assert.is(body.system.name, 'Debian GNU/Linux 13');
  assert.equal(body.interfaces[0].addresses, [{ address: '127.0.0.1', prefix: 8 }]);
  assert.is(body.filesystems[0].mountpoint, '/');
});

test('frozen and thawed by hand', async (context) => {
  await start(context, 'good');
  const { status, body } = await ask(context, 'freeze', { maxMs: 60_000 });
  assert.is(status, 200, JSON.stringify(body));
  assert.is(body.filesystems, 1);
  assert.ok(isFrozenInside(context));
  assert.equal(await frozen(context), { since: body.since, thawsAt: body.thawsAt, upgrade: null });
  assert.is(Date.parse(body.thawsAt) - Date.parse(body.since), 60_000);
  assert.is((await ask(context, 'freeze')).body.code, 'guest_frozen');
  assert.is((await ask(context, null)).body.isFrozen, true);
  assert.equal((await ask(context, 'thaw')).body, { filesystems: 1 });
  assert.not.ok(isFrozenInside(context));
  assert.is(await frozen(context), null);
  assert.equal((await ask(context, 'thaw')).body, { filesystems: 0 });
  const types = await eventTypes(context);
  assert.is(types.filter((type) => type === 'baton.machine.frozen').length, 1);
  assert.is(types.filter((type) => type === 'baton.machine.thawed').length, 1);
});

test('what nobody thaws the daemon thaws in time', async (context) => {
  await start(context, 'good');
  const { body } = await ask(context, 'freeze', { maxMs: 1_000 });
  await waitFor(() => !isFrozenInside(context), { what: 'the guest to be thawed' });
  await waitFor(async () => (await frozen(context)) === null, { what: 'the daemon to know' });
  const thaws = askedOf(context.folders).filter(({ execute }) => execute === 'guest-fsfreeze-thaw');
  assert.ok((thaws[0]?.atMs ?? 0) >= Date.parse(body.thawsAt), 'not before it was said');
});

test('an agent that did not answer at first is asked again', async (context) => {
  await start(context, 'stuck-thaw');
  await ask(context, 'freeze', { maxMs: 1_000 });
  await waitFor(() => !isFrozenInside(context), { deadlineMs: 20_000, what: 'the guest to be thawed' });
});

test('a freeze of which nobody knows whether it was done is taken back', async (context) => {
  await start(context, 'mute-freeze');
  const { status, body } = await ask(context, 'freeze');
  assert.equal([status, body.code], [503, 'guest_agent_silent']);
  assert.not.ok(isFrozenInside(context));
  assert.is(await frozen(context), null);
});

test('a freeze that the agent refuses leaves nothing', async (context) => {
  await start(context, 'refuses-freeze');
  const { status, body } = await ask(context, 'freeze');
  assert.equal([status, body.code], [502, 'guest_agent_refused']);
  assert.match(body.detail, /Operation not supported/);
  assert.is(await frozen(context), null);
});

for (const [behaviour, status, code] of [
  ['silent', 503, 'guest_agent_silent'],
  ['dies', 503, 'guest_agent_silent'],
  ['garbage', 502, 'guest_agent_garbled'],
  ['flood', 502, 'guest_agent_garbled'],
] as const) {
  test(`${behaviour}: a problem with a code, and the daemon goes on`, async (context) => {
    await start(context, behaviour);
    for (const what of [null, 'freeze', 'thaw'] as const) {
      const answer = await ask(context, what);
      assert.equal([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    }
    assert.is(await frozen(context), null);
    assert.is((await call(context.app, 'GET', `/v1/machines/${context.id}`)).body.state, 'running');
  });
}

test('many who ask at once are asked in turn, and the daemon is not asked for more than it can', async (context) => {
  await start(context, 'silent');
  const answers = await Promise.all(Array.from({ length: 7 }, () => ask(context, 'thaw')));
  const codes = answers.map(({ body }) => body.code).sort();
  assert.equal(codes.slice(0, 3), Array(3).fill('guest_agent_busy'));
  assert.equal(codes.slice(3), Array(4).fill('guest_agent_silent'));
});

test('an operation does not wait for an agent that is slow', async (context) => {
  await start(context, 'silent');
  const { app, id } = context;
  const asking = ask(context, null);
  await waitFor(() => askedOf(context.folders).length > 0, { what: 'the agent to be asked' });
  const paused = await call(app, 'POST', `/v1/machines/${id}/pause`);
  const answer = await asking;
  assert.equal(
    [answer.status, answer.body.code],
    [409, 'operation_in_progress'],
    JSON.stringify(answer.body),
  );
  assert.is((await operationEnd(app, String(paused.headers.location))).state, 'succeeded');
});

test('a guest that stands still is not asked; one that is stopped is not frozen any more', async (context) => {
  await start(context, 'good');
  const { app, id } = context;
  await ask(context, 'freeze', { maxMs: 600_000 });
  await perform(app, `/v1/machines/${id}/pause`);
  const { status, body } = await ask(context, 'thaw');
  assert.equal([status, body.code], [409, 'wrong_state']);
  assert.match(body.detail, /to thaw it the machine must be running, but it is paused/);
  await perform(app, `/v1/machines/${id}/stop`, { powerdownMs: 0 });
  assert.is(await frozen(context), null);
  assert.is((await ask(context, null)).body.code, 'wrong_state');
});

test('a machine without the port says what to do', async (context) => {
  const { folders } = context;
  context.app = await startApp(folders);
  context.id = await createRunning(context.app, folders);
  const { status, body } = await ask(context, null);
  assert.equal([status, body.code], [409, 'guest_agent_missing']);
});

test('a daemon that is started thaws what an earlier one left frozen', async (context) => {
  await start(context, 'good');
  await ask(context, 'freeze', { maxMs: 600_000 });
  await context.app.close(10_000);
  assert.ok(isFrozenInside(context), 'a daemon that stops leaves it to the next');
  const path = writeAgentVmm(context.folders, 'agent-vmm', 'good');
  context.app = await startApp(context.folders, { ownBuild: { kind: 'baton', path } });
  await waitFor(() => !isFrozenInside(context), { what: 'the guest to be thawed' });
  await waitFor(async () => (await frozen(context)) === null, { what: 'the daemon to know' });
});

test.run();
