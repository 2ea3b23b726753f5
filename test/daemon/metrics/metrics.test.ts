/** Metrics are well formed, agree with what happened, and are cheap. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { within } from '../../helpers/wait.js';
import { EventSourceReader } from '../event-readers.js';
import {
  call,
  createMachine,
  createRunning,
  type Folders,
  makeFolders,
  perform,
  registerFake,
  startApp,
  tearDown,
  upgradeEnd,
} from '../fixture.js';
import { type Family, lintMetrics, parseMetrics, valueIn } from '../prometheus-text.js';

interface Context {
  folders: Folders;
  app: App;
}

const test = suite<Context>('metrics');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  context.app = await startApp(context.folders);
});

test.after.each(({ folders, app }) => tearDown(folders, app));

async function scrape(app: App): Promise<ReadonlyMap<string, Family>> {
  const { status, headers, body } = await call(app, 'GET', '/metrics');
  assert.is(status, 200);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  return parseMetrics(body);
}

test('an upgrade, one that goes back and one that preflight refuses are counted as they were', async ({
  app,
  folders,
}) => {
  const id = await createRunning(app, folders);
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'succeeded');
  const rejects = await registerFake(app, folders, 'rejects-load');
  const back = await upgradeEnd(app, id, { build: rejects });
  assert.is(back.state, 'rolled-back', JSON.stringify(back.reason));
  const refusing = await registerFake(app, folders, 'rejects-rehearsal');
  const refused = await upgradeEnd(app, id, { build: refusing });
  assert.is(refused.reason.code, 'preflight_blocked');

  const families = await scrape(app);
  assert.equal(lintMetrics(families), []);
  const mode = 'cpr-transfer';
  const upgrades = (result: string, reason: string) =>
    valueIn(families, 'baton_upgrades_total', { mode, result, reason });
  assert.is(upgrades('succeeded', 'none'), 1);
  assert.is(upgrades('rolled-back', back.reason.code), 1);
  assert.is(upgrades(refused.state, 'preflight_blocked'), 1);
  assert.is(valueIn(families, 'baton_guest_pause_seconds_count', { mode }), 1);
  const pauseS = valueIn(families, 'baton_guest_pause_seconds_sum', { mode }) ?? 0;
  assert.ok(Math.abs(pauseS - upgrade.pauseMs / 1_000) < 1e-9, `${pauseS} s, ${upgrade.pauseMs} ms`);
  assert.is(valueIn(families, 'baton_upgrade_duration_seconds_count', { mode, phase: 'whole' }), 3);
  assert.is(valueIn(families, 'baton_upgrade_duration_seconds_count', { mode, phase: 'committing' }), 1);
  assert.is(valueIn(families, 'baton_rollbacks_total', { stage: 'preflight' }), 1);
  const [blocking] = refused.findings.filter(({ severity }: { severity: string }) => severity === 'block');
  assert.ok(
    (valueIn(families, 'baton_preflight_findings_total', { severity: 'block', code: blocking.code }) ?? 0) >=
      1,
  );
  assert.is(valueIn(families, 'baton_machines', { state: 'running', vmm: 'baton' }), 1);
  assert.is(valueIn(families, 'baton_operations', { state: 'succeeded' }), 2);
  assert.is(valueIn(families, 'baton_operations', { state: 'failed' }), 2);
  assert.is(valueIn(families, 'baton_operations', { state: 'running' }), 0);
  const { last } = (await call(app, 'GET', '/v1/events?limit=1')).body;
  assert.is(valueIn(families, 'baton_events_last_sequence'), last);
});

test('machines are counted by what they are now', async ({ app, folders }) => {
  const id = await createMachine(app, folders, 'one');
  await createMachine(app, folders, 'two');
  assert.is(valueIn(await scrape(app), 'baton_machines', { state: 'stopped', vmm: 'none' }), 2);
  await perform(app, `/v1/machines/${id}/start`);
  const started = await scrape(app);
  assert.is(valueIn(started, 'baton_machines', { state: 'running', vmm: 'baton' }), 1);
  assert.is(valueIn(started, 'baton_machines', { state: 'stopped', vmm: 'none' }), 1);
  assert.is(valueIn(started, 'baton_machines_outdated'), 0);
  const other = await registerFake(app, folders, 'behaves');
  await call(app, 'PUT', `/v1/machines/${id}/builds`, { default: other });
  assert.is(valueIn(await scrape(app), 'baton_machines_outdated'), 1);
  await perform(app, `/v1/machines/${id}/kill`);
  await call(app, 'DELETE', `/v1/machines/${id}`);
  const gone = await scrape(app);
  assert.is(valueIn(gone, 'baton_machines', { state: 'running', vmm: 'baton' }), null);
  assert.is(valueIn(gone, 'baton_machines_outdated'), 0);
});

test('requests are counted by pattern, whatever is in their addresses', async ({ app, folders }) => {
  await createMachine(app, folders, 'one');
  for (const name of ['one', 'nobody', 'somebody']) await call(app, 'GET', `/v1/machines/${name}`);
  await call(app, 'GET', '/nowhere/1');
  await call(app, 'GET', '/nowhere/2');
  await call(app, 'POST', '/v1/machines/one/start?wait=5s');
  const families = await scrape(app);
  const count = (labels: Record<string, string>) =>
    valueIn(families, 'baton_http_request_duration_seconds_count', labels);
  const route = '/v1/machines/:machine';
  assert.is(count({ method: 'GET', route, status: '200' }), 1);
  assert.is(count({ method: 'GET', route, status: '404' }), 2);
  assert.is(count({ route: 'none' }), 2);
  assert.is(count({ route: '/v1/machines/:machine/start' }), null);
});

test('a stream is not a request that took long', async ({ app, folders }) => {
  await app.server.listen({ path: `${folders.path}/api.sock` });
  const reader = await EventSourceReader.open(`${folders.path}/api.sock`, '');
  app.feed.close();
  await within(reader.ended, 5_000, 'the end of the stream');
  const families = await scrape(app);
  assert.is(valueIn(families, 'baton_http_request_duration_seconds_count', { route: '/v1/events' }), null);
});

test('1,000 machines are a few sums, made once until something happens, and no more lines', async ({
  app,
  folders,
}) => {
  const lines = async () => (await call(app, 'GET', '/metrics')).body.split('\n').length;
  await createMachine(app, folders, 'm');
  await call(app, 'GET', '/metrics');
  const before = await lines();
  const { store } = app.services;
  const { spec, builds } = app.supervisor.machine('m');
  store.durably(() => {
    for (let n = 0; n < 1_000; n += 1) {
      store.machines.insert({ id: randomUUID(), name: `m${n}`, spec, builds });
      store.emit({ type: 'baton.machine.created', subject: `machines/${n}`, data: { name: `m${n}` } });
    }
  });
  const inventory = store.machines.inventory.bind(store.machines);
  const sums: number[] = [];
  store.machines.inventory = (ownBuild) => {
    const rows = inventory(ownBuild);
    sums.push(rows.length);
    return rows;
  };
  assert.equal([await lines(), await lines()], [before, before]);
  assert.equal(sums, [1]);
});

test('docs/metrics.md lists all that there is, with type, labels and words', async ({ app }) => {
  const document = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8');
  const listed = document.split('\n').filter((line) => line.startsWith('| `baton_'));
  const { registry } = app.metrics;
  const defined = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('baton_'));
  const expected = defined.map((metric) => {
    const {
      name,
      help,
      type,
      labelNames = [],
    } = metric as unknown as {
      name: string;
      help: string;
      type: string;
      labelNames?: readonly string[];
    };
    return `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
  });
  const squeeze = (line: string) => line.replaceAll(/ +/g, ' ');
  assert.equal(listed.map(squeeze), expected.map(squeeze));
});

test.run();
