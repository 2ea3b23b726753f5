/** The daemon goes and comes back; machines do not care. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../helpers/wait.js';
import { ask } from './access/client.js';
import { type Folders, makeFolders, tearDown, ticksOf, vmmPids } from './fixture.js';
import { MortalDaemon } from './mortal-daemon.js';

interface Context {
  folders: Folders;
  daemon: MortalDaemon;
  id: string;
}

interface MachineDocument {
  readonly id: string;
  readonly state: string;
  readonly stateReason: string;
  readonly operation: string | null;
}

interface OperationList {
  readonly operations: readonly { state: string; kind: string; error: { code: string } | null }[];
}

const test = suite<Context>('restart of the daemon');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.daemon = new MortalDaemon(context.folders);
  await context.daemon.start();
  const document = { name: 'm', memoryMiB: 32, kernel: context.folders.kernel };
  context.id = (await context.daemon.client.post<MachineDocument>('/v1/machines', document)).id;
});

test.after.each(async ({ folders, daemon }) => {
  await daemon.stop();
  await tearDown(folders, null);
});

async function machineOf({ daemon, id }: Context): Promise<MachineDocument> {
  return daemon.client.get<MachineDocument>(`/v1/machines/${id}`);
}

for (const how of ['stop', 'kill'] as const) {
  test(`after ${how} the guest ticks on, and the next daemon has it again`, async (context) => {
    const { daemon, folders, id } = context;
    await daemon.client.perform(`/v1/machines/${id}/start`);
    const [pid] = vmmPids(folders);
    assert.is(await daemon[how](), how === 'stop' ? 0 : undefined);
    const ticks = await ticksOf(folders, id, 1, 0);
    await ticksOf(folders, id, 1, ticks);
    await daemon.start();
    assert.is((await machineOf(context)).state, 'running');
    assert.equal(vmmPids(folders), [pid]);
    await daemon.client.perform(`/v1/machines/${id}/upgrade`);
    await ticksOf(folders, id, 2, ticks);
    await daemon.client.perform(`/v1/machines/${id}/pause`);
    await daemon[how]();
    await daemon.start();
    assert.is((await machineOf(context)).state, 'paused');
  });
}

test('a VMM that ended while no daemon was there is recorded', async (context) => {
  const { daemon, folders, id } = context;
  await daemon.client.perform(`/v1/machines/${id}/start`);
  await daemon.kill();
  process.kill(vmmPids(folders)[0] ?? 0, 'SIGKILL');
  await waitFor(() => vmmPids(folders).length === 0, { what: 'the VMM to be gone' });
  await daemon.start();
  const machine = await machineOf(context);
  assert.is(machine.state, 'crashed');
  assert.match(machine.stateReason, /while the daemon was not running/);
  await daemon.client.perform(`/v1/machines/${id}/start`);
});

test('killed between starting a VMM and writing down who it is: no process is forgotten', async (context) => {
  const { daemon, folders, id } = context;
  daemon.dieAt('spawned');
  await daemon.client.post(`/v1/machines/${id}/start`).catch(() => undefined);
  await daemon.died();
  assert.is(vmmPids(folders).length, 1);
  await daemon.start();
  const machine = await waitFor(
    async () => {
      const document = await machineOf(context);
      return document.operation === null ? document : null;
    },
    { what: 'the start to have ended' },
  );
  assert.is(machine.state, 'stopped');
  assert.equal(vmmPids(folders), []);
  const { operations } = await daemon.client.get<OperationList>('/v1/operations');
  assert.equal(
    operations.map(({ state, error }) => [state, error?.code]),
    [['failed', 'daemon_restarted']],
  );
  await daemon.client.perform(`/v1/machines/${id}/start`);
  await ticksOf(folders, id, 2, 0);
});

test('a VMM that does not answer when the daemon comes back is unresponsive, until it answers', async (context) => {
  const { daemon, folders, id } = context;
  await daemon.client.perform(`/v1/machines/${id}/start`);
  const [pid = 0] = vmmPids(folders);
  await daemon.kill();
  process.kill(pid, 'SIGSTOP');
  await daemon.start();
  assert.is((await machineOf(context)).state, 'unresponsive');
  process.kill(pid, 'SIGCONT');
  await waitFor(async () => (await machineOf(context)).state === 'running', { what: 'it to be seen again' });
});

test('killed in the middle of a request with a key: asked again, it is answered with what was begun', async (context) => {
  const { daemon, folders, id } = context;
  const start = () =>
    ask(
      { socketPath: `${folders.runtimeDir}/batond.sock` },
      { method: 'POST', path: `/v1/machines/${id}/start`, headers: { 'idempotency-key': 'one' } },
    );
  daemon.dieAt('spawned');
  const answered = start().catch(() => null);
  await daemon.died();
  const first = await answered;
  await daemon.start();
  const again = await start();
  assert.is(again.status, 202);
  assert.is(again.headers['idempotency-replayed'], 'true');
  if (first !== null) assert.is(again.body.id, first.body.id);
  const { operations } = await daemon.client.get<OperationList>('/v1/operations');
  assert.equal(
    operations.map(({ kind, error }) => [kind, error?.code]),
    [['start', 'daemon_restarted']],
  );
  assert.is(vmmPids(folders).length, 0);
});

test.run();
