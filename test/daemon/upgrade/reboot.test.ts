/** cpr-reboot of real QEMU under the daemon: through a file, the way back included, forward and backward. */
import { existsSync, readdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { call, type Folders, perform, tearDown, ticksOf, upgradeEnd, vmmPids } from '../fixture.js';
import { makeQemuFolders, registerQemu, runOnQemu, startQemuApp } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  old: string;
  new: string;
  atMoment: (moment: string) => void;
}

const SUITE = 'cpr-reboot of real QEMU';
const MIB = 1024 * 1024;
const cache = findInCache();
const missing = [cache.qemu('10.0', 'x86_64'), cache.qemu('11.1', 'x86_64')].find(
  (qemu) => 'missing' in qemu,
);

function binary(version: QemuVersion): string {
  const qemu = cache.qemu(version, 'x86_64');
  return 'missing' in qemu ? '' : (qemu.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

test.before.each(async (context) => {
  context.atMoment = () => undefined;
  context.folders = await makeQemuFolders('x86_64');
  context.app = await startQemuApp(context.folders, {
    journalObserver: (moment) => context.atMoment(moment),
  });
  context.old = await registerQemu(context.app, context.folders, 'old', binary('10.0'));
  context.new = await registerQemu(context.app, context.folders, 'new', binary('11.1'));
});

test.after.each(({ folders, app }) => tearDown(folders, app));

async function run(context: Context, build: string, more = {}): Promise<number> {
  context.id = await runOnQemu(context.app, context.folders, build, { machineType: 'pc-q35-10.0', ...more });
  return ticksOf(context.folders, context.id, 1, 100);
}

const reboot = ({ app, id }: Context, build: string) => upgradeEnd(app, id, { build, mode: 'cpr-reboot' });
const machineOf = async ({ app, id }: Context) => (await call(app, 'GET', `/v1/machines/${id}`)).body;
const stateFile = ({ folders, id }: Context, generation = 2) =>
  `${folders.stateDir}/machines/${id}/u${generation}/state`;

function nothingIsLeft({ folders, id }: Context): void {
  assert.is(vmmPids(folders).length, 1, 'one VMM');
  const left = readdirSync(`${folders.stateDir}/machines/${id}`).filter((name) => name.startsWith('u'));
  assert.equal(left, [], 'no state');
}

test('a guest goes from 10.0 to 11.1 and back, its memory, disk and ticks intact', async (context) => {
  const { app, folders } = context;
  const disk = `${folders.path}/disk`;
  writeFileSync(disk, Buffer.alloc(MIB));
  const before = await run(context, context.old, { disks: [{ path: disk }] });

  const upgrade = await reboot(context, context.new);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.mode, 'cpr-reboot');
  assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 20_000, `a pause of ${upgrade.pauseMs} ms`);
  const after = await ticksOf(folders, context.id, 2, before);
  const machine = await machineOf(context);
  assert.equal([machine.state, machine.build], ['running', context.new]);
  nothingIsLeft(context);

  const downgrade = await reboot(context, context.old);

  assert.is(downgrade.state, 'succeeded', JSON.stringify(downgrade.reason));
  await ticksOf(folders, context.id, 3, after);
  nothingIsLeft(context);
  const thief = { name: 'thief', machineType: 'pc-q35-10.0', disks: [{ path: disk }] };
  const lock = await runOnQemu(app, folders, context.old, thief).then(
    () => 'it got the disk',
    (error) => error.message,
  );
  assert.match(lock, /Failed to get \\?"write\\?" lock/);
});

test('a paused machine stays paused', async (context) => {
  const { app, folders } = context;
  const before = await run(context, context.new);
  await perform(app, `/v1/machines/${context.id}/pause`);

  const upgrade = await reboot(context, context.old);

  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.is(upgrade.pauseMs, null);
  assert.is((await machineOf(context)).state, 'paused');
  await perform(app, `/v1/machines/${context.id}/resume`);
  await ticksOf(folders, context.id, 2, before);
  nothingIsLeft(context);
});

const DAMAGE = {
  truncated: (path: string) => truncateSync(path, 100_000),
  'something else': (path: string) => writeFileSync(path, 'no guest'),
};

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`a state that is ${what} is not loaded, and the guest goes on in the source`, async (context) => {
    const { folders } = context;
    const before = await run(context, context.old);
    context.atMoment = (moment) => {
      if (moment === 'begun:load') damage(stateFile(context));
    };

    const upgrade = await reboot(context, context.new);

    assert.equal(
      [upgrade.state, upgrade.reason?.code, upgrade.reason?.step],
      ['rolled-back', 'target_rejected', 'load'],
      JSON.stringify(upgrade.reason),
    );
    await ticksOf(folders, context.id, 1, before + 100);
    nothingIsLeft(context);
    context.atMoment = () => undefined;
    assert.is((await reboot(context, context.new)).state, 'succeeded');
  });
}

test('a machine that is larger than the disk is refused before the guest stands still', async (context) => {
  const { folders, app } = context;
  const { bavail, bsize } = statfsSync(folders.stateDir);
  const before = await run(context, context.old);
  const spec = { ...app.services.store.machines.byId(context.id)?.spec };
  const memoryMiB = Math.ceil((bavail * bsize) / MIB) + 1;
  assert.ok(memoryMiB > 0 && spec.memoryMiB === 64);
  /* What the guest has is on its VMM's line already; the document only says how much could be written. */
  app.services.store.durably(() =>
    app.services.store.machines.update(context.id, { spec: { ...spec, memoryMiB } as never }),
  );

  const upgrade = await reboot(context, context.new);

  assert.equal([upgrade.state, upgrade.reason?.code], ['rolled-back', 'preflight_blocked']);
  assert.match(upgrade.reason.message, /MiB of room in/);
  await ticksOf(folders, context.id, 1, before + 100);
  nothingIsLeft(context);
});

for (const moment of ['begun:save', 'paused', 'begun:load', 'begun:verify']) {
  test(`cancelled at ${moment}: the guest goes on in the source`, async (context) => {
    const { app, folders } = context;
    const before = await run(context, context.old);
    context.atMoment = (now) => {
      const operation = app.services.store.operations.running().find(({ kind }) => kind === 'upgrade');
      if (now === moment) setImmediate(() => app.supervisor.actor(context.id).cancel(operation?.id ?? ''));
    };
    const upgrade = await reboot(context, context.new);
    assert.is(upgrade.state, 'cancelled', JSON.stringify(upgrade.reason));
    await ticksOf(folders, context.id, 1, before + 100);
    assert.not(existsSync(stateFile(context)));
    nothingIsLeft(context);
  });
}

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
