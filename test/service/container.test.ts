/**
 * What a container of the Dockerfile runs, in namespaces: the same processes as the same unprivileged user, with tini as
 * process 1. The image itself is made and run where there is an engine for it.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ticker } from '../guests/ticker.js';
import { skipSuite } from '../helpers/skip.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { ServiceHost, serviceHostMissing } from './host.js';
import { installBaton, packBaton, REPOSITORY } from './package.js';

const SUITE = 'Baton in a container';
/** As the image says. */
const UID = '10000';
const RUN = '/usr/lib/node_modules/baton/config/container/run.sh';
const DROP = `--reuid=${UID} --regid=${UID} --clear-groups --bounding-set=-all --no-new-privs`;
const START = `mkdir -p /run/baton && chown ${UID}:${UID} /run/baton /var/lib/baton &&
  exec setpriv ${DROP} tini -- ${RUN} --config /etc/baton/batond.yaml`;

const test = suite(SUITE);
let host: ServiceHost;

test.before(async () => {
  host = await ServiceHost.create();
  const dir = await tempDir();
  try {
    await installBaton(host.root, await packBaton(dir.path));
  } finally {
    await dir.remove();
  }
  for (const folder of ['srv', 'etc/baton', 'var/lib/baton']) {
    await mkdir(`${host.root}/${folder}`, { recursive: true });
  }
  await cp(`${REPOSITORY}config/container/batond.yaml`, `${host.root}/etc/baton/batond.yaml`);
  await writeFile(`${host.root}/srv/ticker.bin`, ticker({ patternMiB: 2 }).bytes, { mode: 0o644 });
  await start();
});
test.after(() => host.remove());

async function start(): Promise<void> {
  await host.start('tini', ['sh', '-c', START]);
  const wait = { deadlineMs: 60_000, pollMs: 250, what: 'the daemon to be well' };
  await waitFor(async () => !(await health()).failed, wait);
}

const health = () => host.try('batond-host', 'health', '--config', '/etc/baton/batond.yaml');
const daemonPid = async () => (await host.read('/var/lib/baton/batond.lock')).trim();

test('the image has the steps, the user and the health check that are tested here', async () => {
  const text = await readFile(`${REPOSITORY}Dockerfile`, 'utf8');
  for (const words of [
    `--uid ${UID}`,
    'USER baton',
    '"batond-host", "health"',
    'config/container/run.sh',
    'tini',
  ]) {
    assert.ok(text.includes(words), words);
  }
});

test('everything runs as one unprivileged user, under an init', async () => {
  const id = await host.startTicker('m', { onHostShutdown: 'suspend' });
  for (const pid of ['1', await daemonPid(), String(await host.pidOf(id))]) {
    const status = await host.read(`/proc/${pid}/status`);
    assert.match(status, new RegExp(`^Uid:\\t${UID}\\t${UID}\\t${UID}\\t${UID}$`, 'm'));
    assert.match(status, 'CapEff:\t0000000000000000');
  }
  assert.is((await host.read('/proc/1/comm')).trim(), 'tini');
});

test('the daemon dies: another is started, and the guest ticks on in its process', async () => {
  const { id } = await host.ask('GET', 'machines/m');
  const [pid, daemon] = [await host.pidOf(id), await daemonPid()];
  const { ticks } = await host.ticks(id, 0);
  await host.run('kill', '-KILL', daemon);
  const wait = { deadlineMs: 60_000, pollMs: 250, what: 'another daemon' };
  await waitFor(async () => (await daemonPid()) !== daemon && !(await health()).failed, wait);
  await host.ticks(id, ticks);
  assert.is(await host.pidOf(id), pid);
  await host.perform(`machines/${id}/upgrade`, {});
  await host.ticks(id, ticks);
});

test('the container is stopped and started: machines go down and come up as they say', async () => {
  const { id } = await host.ask('GET', 'machines/m');
  const { ticks } = await host.ticks(id, 0);
  assert.is(await host.stop(), 0);
  await start();
  const wait = { deadlineMs: 60_000, pollMs: 250, what: 'the machine to be back' };
  await waitFor(async () => (await host.ask('GET', `machines/${id}`)).state === 'running', wait);
  await host.ticks(id, ticks);
});

const missing = await serviceHostMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
