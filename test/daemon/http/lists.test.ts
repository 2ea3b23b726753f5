/** Lists: their pages, their filters, and what is refused. No VMM is started. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { ANY_BUILD, type MachineBuilds, type MachineState } from '../../../daemon/machine.js';
import { call, type Folders, makeFolders, startApp, tearDown } from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('REST lists');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

interface Placed {
  readonly state?: MachineState;
  readonly build?: string;
  readonly builds?: Partial<MachineBuilds>;
}

/** Written as if it ran; no process is there. */
function place({ services: { store, builds } }: App, number: number, placed: Placed = {}): string {
  const { state = 'running', build = builds.ownId as string } = placed;
  const id = `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;
  const spec = { memoryMiB: 1, vcpus: 1, kernel: null, initrd: null, commandLine: null, firmware: null };
  store.durably(() => {
    const policy = { ...ANY_BUILD, ...placed.builds };
    store.machines.insert({ id, name: `web${number}`, spec: spec as never, builds: policy });
    store.instances.insert({ machineId: id, generation: 1, buildId: build, socketsDir: '/', logsDir: '/' });
    if (state === 'stopped') {
      const end = { exitCode: 0, exitSignal: null, reason: 'it was stopped' };
      store.instances.setGone(id, 1, end);
    }
    store.machines.update(id, { state, currentGeneration: 1 });
  });
  return id;
}

function addBuild({ services: { store } }: App, id: string): void {
  const abilities = { modes: [] };
  const text = { path: `/${id}`, version: '1', contentHash: id, files: [`/${id}`], fileStamp: '' };
  store.durably(() => store.builds.insert({ id, kind: 'qemu', ...text, abilities }));
}

async function names(app: App, query: string): Promise<string[]> {
  const { status, body } = await call(app, 'GET', `/v1/machines?${query}`);
  assert.is(status, 200, JSON.stringify(body));
  return body.machines.map(({ name }: { name: string }) => name);
}

test('pages together are the list, in order, and each links to the next', async ({ app }) => {
  for (let n = 1; n <= 7; n += 1) place(app, n);
  const seen: string[] = [];
  let url: string | null = '/v1/machines?limit=3&state=running';
  let pages = 0;
  while (url !== null) {
    const { body, headers } = await call(app, 'GET', url);
    seen.push(...body.machines.map(({ name }: { name: string }) => name));
    pages += 1;
    const link = /^<(\/v1\/machines\?[^>]*)>; rel="next"$/.exec(String(headers.link));
    assert.is(link === null, body.next === null);
    url = link?.[1] ?? null;
    if (url !== null) assert.ok(url.includes(`cursor=${body.next}`) && url.includes('state=running'), url);
  }
  assert.equal(seen, ['web1', 'web2', 'web3', 'web4', 'web5', 'web6', 'web7']);
  assert.is(pages, 3);
});

test('a page that ends where the list does has no next', async ({ app }) => {
  place(app, 1);
  place(app, 2);
  assert.is((await call(app, 'GET', '/v1/machines?limit=2')).body.next, null);
  assert.type((await call(app, 'GET', '/v1/machines?limit=1')).body.next, 'string');
});

test('what goes and comes between two pages leaves nothing out and tells nothing twice', async ({ app }) => {
  for (let n = 1; n <= 4; n += 1) place(app, n);
  const first = (await call(app, 'GET', '/v1/machines?limit=2')).body;
  app.services.store.durably(() => app.services.store.machines.delete(first.machines[1].id));
  place(app, 5);
  assert.equal(await names(app, `limit=9&cursor=${first.next}`), ['web3', 'web4', 'web5']);
});

test('machines are found by name, pattern, state and build, and by all at once', async ({ app }) => {
  addBuild(app, 'other');
  place(app, 1);
  place(app, 2, { state: 'paused' });
  place(app, 3, { state: 'stopped' });
  place(app, 10, { build: 'other' });
  assert.equal(await names(app, 'name=web1'), ['web1']);
  assert.equal(await names(app, 'name=web1*'), ['web1', 'web10']);
  assert.equal(await names(app, 'name=*2'), ['web2']);
  assert.equal(await names(app, 'name=nothing'), []);
  assert.equal(await names(app, 'state=paused,stopped'), ['web2', 'web3']);
  assert.equal(await names(app, 'state=paused'), ['web2']);
  assert.equal(await names(app, 'build=other'), ['web10']);
  assert.equal(await names(app, 'build=other&name=web*&state=running,paused&limit=1'), ['web10']);
});

test('outdated is what a start would make otherwise now', async ({ app }) => {
  addBuild(app, 'old');
  const own = app.services.builds.ownId as string;
  place(app, 1);
  place(app, 2, { build: 'old' });
  place(app, 3, { build: 'old', builds: { default: 'old' } });
  place(app, 4, { build: 'old', builds: { default: 'old', pin: own } });
  place(app, 5, { build: 'old', state: 'stopped' });
  const { store } = app.services;
  /* There is no file of that path: the look that the question takes finds out. */
  assert.equal(await names(app, 'outdated=true'), ['web2', 'web3', 'web4']);
  assert.equal(await names(app, 'outdated=false'), ['web1', 'web5']);
  const one = store.machines.byName('web2');
  assert.is((await call(app, 'GET', `/v1/machines/${one?.id}`)).body.outdated, true);
  assert.is((await call(app, 'GET', '/v1/machines/web1')).body.outdated, false);
});

test('operations are the newest first, by machine, state and kind', async ({ app }) => {
  const id = place(app, 1);
  const { store } = app.services;
  store.durably(() => {
    store.operations.insert({ id: 'a', kind: 'start', machineId: id });
    store.operations.finish('a', 'succeeded', null);
    store.operations.insert({ id: 'b', kind: 'stop', machineId: 'gone' });
    store.operations.finish('b', 'cancelled', null);
    store.operations.insert({ id: 'c', kind: 'suspend', machineId: id });
  });
  const ids = async (query: string) => {
    const { status, body } = await call(app, 'GET', `/v1/operations?${query}`);
    assert.is(status, 200, JSON.stringify(body));
    return body.operations.map((operation: { id: string }) => operation.id).join('');
  };
  assert.is(await ids(''), 'cba');
  assert.is(await ids('machine=web1'), 'ca');
  assert.is(await ids(`machine=${id}&state=running`), 'c');
  assert.is(await ids('machine=gone'), 'b');
  assert.is(await ids('kind=start,stop'), 'ba');
  assert.is(await ids('state=succeeded,running'), 'ca');
  const { body } = await call(app, 'GET', '/v1/operations?limit=2');
  assert.is(await ids(`cursor=${body.next}`), 'a');
});

test('an operation says whether it can be cancelled, and where the point of no return is', async ({
  app,
}) => {
  const id = place(app, 1);
  const { store } = app.services;
  const guest = { notify: false, freeze: false, reason: null };
  const own = app.services.builds.ownId as string;
  store.durably(() => {
    store.operations.insert({ id: 'u', kind: 'upgrade', machineId: id });
    store.upgrades.insert({
      id: 'u',
      machineId: id,
      mode: 'cpr-transfer',
      modeReason: '',
      sourceGeneration: 1,
      targetGeneration: 2,
      sourceBuild: own,
      targetBuild: own,
      wasRunning: true,
      guest,
    });
    store.upgrades.setState('u', 'preparing');
    store.operations.insert({ id: 's', kind: 'start', machineId: id });
  });
  const shown = async (which: string) => {
    const { phase, cancellable, pointOfNoReturn } = (await call(app, 'GET', `/v1/operations/${which}`)).body;
    return { phase, cancellable, pointOfNoReturn };
  };
  assert.equal(await shown('s'), { phase: null, cancellable: false, pointOfNoReturn: 'none' });
  assert.equal(await shown('u'), { phase: 'preparing', cancellable: true, pointOfNoReturn: 'ahead' });
  store.durably(() => store.upgrades.setCommitted('u', true));
  assert.equal(await shown('u'), { phase: 'preparing', cancellable: false, pointOfNoReturn: 'passed' });
  const list = async (query: string) =>
    (await call(app, 'GET', `/v1/upgrades?${query}`)).body.upgrades.length;
  assert.is(await list(''), 1);
  assert.is(await list('machine=web1&state=preparing&mode=cpr-transfer'), 1);
  assert.is(await list(`build=${own}`), 1);
  assert.is(await list('build=none'), 0);
  assert.is(await list('state=succeeded,failed'), 0);
  assert.is(await list('mode=cpr-exec,cpr-reboot'), 0);
});

test('instances and builds are lists like the others', async ({ app }) => {
  const id = place(app, 1);
  const { store } = app.services;
  const logs = { socketsDir: '/', logsDir: '/' };
  const end = { exitCode: 0, exitSignal: null, reason: 'over' };
  store.durably(() => {
    store.instances.setGone(id, 1, end);
    store.instances.insert({
      machineId: id,
      generation: 2,
      buildId: app.services.builds.ownId as string,
      ...logs,
    });
  });
  const url = `/v1/machines/${id}/instances`;
  assert.is((await call(app, 'GET', `${url}?state=gone`)).body.instances[0].generation, 1);
  const first = (await call(app, 'GET', `${url}?limit=1`)).body;
  assert.is((await call(app, 'GET', `${url}?cursor=${first.next}`)).body.instances[0].generation, 2);
  addBuild(app, 'other');
  assert.is((await call(app, 'GET', '/v1/builds?kind=qemu')).body.builds[0].id, 'other');
  assert.is((await call(app, 'GET', '/v1/builds?kind=qemu,baton')).body.builds.length, 2);
  const builds = (await call(app, 'GET', '/v1/builds?limit=1')).body;
  assert.is((await call(app, 'GET', `/v1/builds?cursor=${builds.next}`)).body.builds[0].id, 'other');
});

test.run();

/** Nothing changes in these. */
const refusals = suite<Context>('REST lists refuse');

refusals.before(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

refusals.after(({ folders, app }) => tearDown(folders, app));

const cursor = (text: string) => Buffer.from(text).toString('base64url');

for (const [what, query] of [
  ['a limit of 0', 'limit=0'],
  ['a limit beyond the largest', 'limit=1001'],
  ['a limit that is no number', 'limit=many'],
  ['a limit that is no integer', 'limit=1.5'],
  ['two limits', 'limit=1&limit=2'],
  ['an empty limit', 'limit='],
  ['a cursor that is none', 'cursor=garbage'],
  ['a cursor with other characters', 'cursor=%27--'],
  ['an empty cursor', 'cursor='],
  ['a cursor of another list', `cursor=${cursor('operations:1')}`],
  ['a cursor with more in it', `cursor=${cursor('machines:1 OR 1')}`],
  ['a cursor beyond all numbers', `cursor=${cursor(`machines:${'9'.repeat(30)}`)}`],
  ['a state that is none', 'state=flying'],
  ['an empty state', 'state='],
  ['states with nothing between the commas', 'state=running,,paused'],
  ['a name that could not be one', 'name=a/b'],
  ['a name with brackets', 'name=[a-z]'],
  ['outdated that is neither true nor false', 'outdated=perhaps'],
] as const) {
  refusals(`${what} is refused`, async ({ app }) => {
    const { status, body } = await call(app, 'GET', `/v1/machines?${query}`);
    assert.is(status, 400, JSON.stringify(body));
    assert.is(body.code, 'invalid_request');
  });
}

refusals.run();
