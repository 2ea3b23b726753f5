/** Baton under systemd, from its package: one host, installed once, that each test finds running. */
import { writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ticker } from '../guests/ticker.js';
import { skipSuite } from '../helpers/skip.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { ServiceHost, serviceHostMissing } from './host.js';
import { installBaton, packBaton, replaceBaton } from './package.js';

const SUITE = 'Baton under systemd';
const RESTART_DEADLINE_MS = 60_000;
/** So that a test need not wait for the half minute that it has in earnest. */
const IMPATIENT = '[Service]\nWatchdogSec=4s\n';
const NEW_VERSION = '99.0.0';

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
  await mkdir(`${host.root}/srv`, { recursive: true });
  await writeFile(`${host.root}/srv/ticker.bin`, ticker({ patternMiB: 2 }).bytes, { mode: 0o644 });
  await host.boot();
});
test.after(() => host.remove());

/** Waits for another daemon than `before` to be ready. */
function daemonAfter(before: string): Promise<string> {
  return waitFor(
    async () => {
      const pid = await host.property('batond.service', 'MainPID');
      const state = await host.property('batond.service', 'ActiveState');
      return state === 'active' && pid !== before && pid !== '0' ? pid : null;
    },
    { deadlineMs: RESTART_DEADLINE_MS, pollMs: 200, what: 'another daemon' },
  );
}

test('the package puts units in place that systemd finds nothing wrong with', async () => {
  await host.run('batond-setup', 'install');
  const units = [
    'batond.service',
    'batond.socket',
    'batond-tls.socket',
    'baton.slice',
    'baton-guests.service',
  ];
  const { stdout, stderr, exitCode } = await host.try('systemd-analyze', 'verify', ...units);
  assert.is(`${stdout}${stderr}`, '');
  assert.is(exitCode, 0);
  assert.match(
    await host.run('batond', '--check-config'),
    /batond\.yaml is sound; state in \/var\/lib\/baton/,
  );
  assert.match(await host.run('ls', '-l', '/run/baton/batond.sock'), /^srw-rw---- 1 root baton /);
});

test('the first question starts the daemon', async () => {
  assert.is(await host.property('batond.service', 'ActiveState'), 'inactive');
  assert.is((await host.ask('GET', '')).name, 'batond');
  assert.is(await host.property('batond.service', 'ActiveState'), 'active');
  assert.match(await host.property('batond.service', 'StatusText'), /^\d+ machines, \d+ running$/);
  const { stdout } = await host.try('systemd-analyze', '--no-pager', 'security', 'batond.service');
  assert.match(stdout, /exposure level for batond\.service: [0-4]\.\d OK/);
});

test('what the page on installing says next is done', async () => {
  await host.run('useradd', 'alice');
  await host.run('usermod', '--append', '--groups', 'baton', 'alice');
  assert.match(await host.run('id', '-nG', 'alice'), /\bbaton\b/);
  assert.match(await host.run('baton', 'host', 'info'), /^you are +unix:root, admin$/m);
});

test('a VMM runs in a unit of its own, with no privilege, and sees no other machine', async () => {
  const [one, other] = [await host.startTicker('one'), await host.startTicker('other')];
  const pid = await host.pidOf(one);
  const unit = `baton-vmm-${one.slice(0, 8)}-1.service`;
  assert.is(await host.property(unit, 'MainPID'), String(pid));
  assert.is(await host.property(unit, 'Slice'), 'baton.slice');
  const status = await host.read(`/proc/${pid}/status`);
  const uid = (await host.run('id', '-u', 'baton-vmm')).trim();
  assert.match(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.match(status, `${set}:\t0000000000000000`);
  assert.match(status, 'NoNewPrivs:\t1');
  const seen = await host.run(
    'ls',
    `/proc/${pid}/root/run/baton`,
    `/proc/${pid}/root/var/lib/baton/machines`,
  );
  assert.match(seen, one.slice(0, 8));
  assert.not.match(seen, other.slice(0, 8));
  await host.perform(`machines/${other}/kill`);
  await host.ask('DELETE', `machines/${other}`);
});

test('a VMM that ends tells how, and leaves no unit', async () => {
  const id = await host.startTicker('mortal');
  await host.run('kill', '-ABRT', String(await host.pidOf(id)));
  const wait = { deadlineMs: 20_000, pollMs: 100, what: 'the machine to be seen crashed' };
  await waitFor(async () => (await host.ask('GET', `machines/${id}`)).state === 'crashed', wait);
  const { instances } = await host.ask('GET', `machines/${id}/instances`);
  assert.is(instances.at(-1).exitSignal, 'SIGABRT');
  assert.not.match(
    await host.run('systemctl', 'list-units', '--all', '--no-legend', 'baton-vmm-*'),
    id.slice(0, 8),
  );
  await host.ask('DELETE', `machines/${id}`);
});

for (const [how, act] of [
  ['restarted', () => host.run('systemctl', 'restart', 'batond.service')],
  ['killed', async () => host.run('kill', '-KILL', await host.property('batond.service', 'MainPID'))],
] as const) {
  test(`the daemon is ${how}: the guest ticks on in its process`, async () => {
    const { id } = await host.ask('GET', 'machines/one');
    const [pid, daemon] = [await host.pidOf(id), await host.property('batond.service', 'MainPID')];
    const { ticks } = await host.ticks(id, 0);
    await act();
    await daemonAfter(daemon);
    const after = await host.ticks(id, ticks);
    assert.ok(after.maxGapUs < 1_000_000, `${after.maxGapUs}`);
    assert.is(await host.pidOf(id), pid);
  });
}

test('a daemon that hangs is killed by its watchdog, and the guest ticks on', async () => {
  const folder = `${host.root}/etc/systemd/system/batond.service.d`;
  await mkdir(folder, { recursive: true });
  writeFileSync(`${folder}/impatient.conf`, IMPATIENT);
  await host.run('systemctl', 'daemon-reload');
  await host.run('systemctl', 'restart', 'batond.service');
  const { id } = await host.ask('GET', 'machines/one');
  const [pid, daemon] = [await host.pidOf(id), await host.property('batond.service', 'MainPID')];
  const { ticks } = await host.ticks(id, 0);
  await host.run('kill', '-STOP', daemon);
  await daemonAfter(daemon);
  await host.ticks(id, ticks);
  assert.is(await host.pidOf(id), pid);
  assert.match(await host.run('journalctl', '--no-pager', '--unit', 'batond.service'), /Watchdog timeout/);
});

test('upgrades go well in every mode, and in units of their own', async () => {
  const { id } = await host.ask('GET', 'machines/one');
  for (const mode of ['cpr-transfer', 'cpr-exec', 'cpr-reboot']) {
    const { ticks } = await host.ticks(id, 0);
    await host.perform(`machines/${id}/upgrade`, { mode });
    await host.ticks(id, ticks);
  }
  const { generation } = await host.ask('GET', `machines/${id}`);
  const unit = `baton-vmm-${id.slice(0, 8)}-${generation}.service`;
  assert.is(await host.property(unit, 'MainPID'), String(await host.pidOf(id)));
});

test('the daemon dies in the middle of an upgrade: the next one brings it to an end', async () => {
  const { id } = await host.ask('GET', 'machines/one');
  const { ticks } = await host.ticks(id, 0);
  const daemon = await host.property('batond.service', 'MainPID');
  const { id: operation } = await host.ask('POST', `machines/${id}/upgrade`, { mode: 'cpr-transfer' });
  await host.run('kill', '-KILL', daemon);
  await daemonAfter(daemon);
  const { state } = await host.ended(operation);
  assert.ok(['succeeded', 'failed'].includes(state), state);
  await host.ticks(id, ticks);
  const units = await host.run('systemctl', 'list-units', '--no-legend', `baton-vmm-${id.slice(0, 8)}-*`);
  assert.is(units.trim().split('\n').length, 1, units);
});

test('the package is replaced by a newer one: its daemon takes over, and machines go to its VMM', async () => {
  const { id } = await host.ask('GET', 'machines/one');
  const { ticks } = await host.ticks(id, 0);
  const [pid, before] = [await host.pidOf(id), (await host.ask('GET', `machines/${id}`)).build];
  await replaceBaton(host.root, NEW_VERSION);
  await host.run('batond-setup', 'install');
  assert.is((await host.ask('GET', '')).version, NEW_VERSION);
  const after = await host.ticks(id, ticks);
  assert.is(await host.pidOf(id), pid);
  await host.perform(`machines/${id}/upgrade`, {});
  await host.ticks(id, after.ticks);
  assert.is.not((await host.ask('GET', `machines/${id}`)).build, before);
});

test('the host goes down and comes up: each machine as its document says', async () => {
  const kept = await host.startTicker('kept', { onHostShutdown: 'suspend' });
  const left = await host.startTicker('left', { onHostBoot: 'leave' });
  const always = await host.ask('POST', 'machines', {
    ...{ name: 'always', memoryMiB: 32, kernel: '/srv/ticker.bin', onHostBoot: 'start' },
  });
  await host.ask('POST', 'machines', { name: 'idle', memoryMiB: 32, kernel: '/srv/ticker.bin' });
  const { ticks } = await host.ticks(kept, 0);
  await host.run('systemctl', 'start', 'baton-guests.service');
  assert.ok(
    (await host.try('systemctl', 'restart', 'baton-guests.service')).failed,
    'it is not restarted by hand',
  );
  await writeFile(
    `${host.root}/etc/baton/batond.yaml`,
    'vmm: { user: baton-vmm }\nhost: { shutdownDeadline: 1s }\n',
  );
  await host.run('systemctl', 'restart', 'batond.service');
  await host.powerOff();
  await host.boot();
  const wait = { deadlineMs: 60_000, pollMs: 200, what: 'the machines to be back' };
  await waitFor(async () => (await host.property('baton-guests.service', 'ActiveState')) === 'active', wait);
  const stateOf = async (machine: string) => (await host.ask('GET', `machines/${machine}`)).state;
  assert.is(await stateOf('idle'), 'stopped');
  assert.is(await stateOf(left), 'stopped');
  for (const machine of ['one', kept, always.id]) assert.is(await stateOf(machine), 'running', machine);
  await host.ticks(kept, ticks);
  const { operations } = await host.ask('GET', 'operations');
  const kinds = (id: string) =>
    operations
      .filter(({ machine }: { machine: string }) => machine === id)
      .map(({ kind }: { kind: string }) => kind);
  assert.ok(kinds(kept).includes('suspend') && kinds(kept).includes('restore'), `${kinds(kept)}`);
});

test('the host loses its power: machines that ran are started again', async () => {
  const { id } = await host.ask('GET', 'machines/one');
  await host.losePower();
  await host.boot();
  const wait = { deadlineMs: 60_000, pollMs: 200, what: 'the machine to run again' };
  await waitFor(async () => (await host.ask('GET', `machines/${id}`)).state === 'running', wait);
  assert.is((await host.ask('GET', 'machines/left')).state, 'stopped');
  await host.ticks(id, 0);
});

test('what was installed is taken away again, and machines run on', async () => {
  const pid = await host.pidOf('one');
  await host.run('batond-setup', 'uninstall');
  assert.match(await host.read(`/proc/${pid}/status`), /^State:\t[RS]/m);
  assert.is((await host.try('systemctl', 'cat', 'batond.service')).exitCode, 1);
});

const missing = await serviceHostMissing();
if (missing === null) test.run();
else skipSuite(SUITE, missing);
