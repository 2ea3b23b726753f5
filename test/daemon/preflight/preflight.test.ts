/** Preflight over REST, of guests that run on real QEMUs. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { QmpClient } from '../../../daemon/instance/qmp-client.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import {
  call,
  type Folders,
  operationEnd,
  perform,
  rehearsalPids,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';
import {
  editing,
  makeQemuFolders,
  registerQemu,
  registerWrapper,
  runOnQemu,
  startQemuApp,
} from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
}

interface FindingDocument {
  readonly code: string;
  readonly severity: string;
  readonly sentence: string;
  readonly remedy: string;
}

interface Report {
  readonly mode: string | null;
  readonly modeReason: string;
  readonly verdict: string;
  readonly findings: readonly FindingDocument[];
}

const SUITE = 'preflight of real QEMU';
const cache = findInCache();
const missing = (['10.0', '11.1'] as const)
  .flatMap((version) => [cache.qemu(version, 'riscv64'), cache.qemu(version, 'x86_64')])
  .find((found) => 'missing' in found);

function binary(version: QemuVersion, target: QemuTarget): string {
  const found = cache.qemu(version, target);
  return 'missing' in found ? '' : (found.argvPrefix[0] ?? '');
}

const test = suite<Context>(SUITE);

async function begin(context: Context, target: QemuTarget = 'x86_64'): Promise<Context> {
  context.folders = await makeQemuFolders(target);
  context.app = await startQemuApp(context.folders);
  return context;
}

test.after.each(({ folders, app }) => tearDown(folders, app));

async function preflight({ app }: Context, id: string, body: object): Promise<Report> {
  const { status, body: report } = await call(app, 'POST', `/v1/machines/${id}/preflight`, body);
  assert.is(status, 200, JSON.stringify(report));
  return report;
}

function codes({ findings }: Report, severity: string): string[] {
  return findings.filter((finding) => finding.severity === severity).map(({ code }) => code);
}

/** Through its own monitor, which serves one client: the daemon goes away for it. */
async function modeOf(context: Context, id: string, set: string | null = null): Promise<unknown> {
  const { body } = await call(context.app, 'GET', `/v1/machines/${id}/instances`);
  await context.app.close(10_000);
  const { qmpSocket } = body.instances.find(({ state }: { state: string }) => state === 'alive');
  const client = await QmpClient.connect(qmpSocket, { deadlineMs: 5_000 });
  if (set !== null) await client.execute('migrate-set-parameters', { mode: set });
  const { mode } = await client.execute<{ mode: string }>('query-migrate-parameters');
  client.close();
  context.app = await startQemuApp(context.folders);
  return mode;
}

test('a machine that can go is told so, is not touched, and is rehearsed once', async (context) => {
  const { app, folders } = await begin(context);
  const tried = `${folders.path}/tried`;
  const lines = [`case "$*" in */trial/*) echo >>${tried} ;; esac`];
  const source = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const target = await registerWrapper(app, folders, 'new', { binary: binary('11.1', 'x86_64'), lines });
  const id = await runOnQemu(app, folders, source, { nics: [{ kind: 'user' }] });

  const [report, again] = await Promise.all([
    preflight(context, id, { build: target }),
    preflight(context, id, { build: target }),
  ]);

  assert.equal([report.verdict, report.mode], ['can-upgrade', 'cpr-transfer'], JSON.stringify(report));
  assert.is(report.modeReason, 'cpr-transfer is the safest mode that can be taken');
  assert.equal(codes(report, 'block'), []);
  assert.ok(codes(report, 'warn').includes('connections_dropped'));
  assert.equal(again, report);
  assert.equal([vmmPids(folders).length, rehearsalPids(folders).length], [1, 0]);
  assert.is(await modeOf(context, id), 'normal');
  await ticksOf(folders, id, 1, 0);
  const upgrade = await upgradeEnd(context.app, id, { build: target });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.equal(upgrade.findings, report.findings);
  assert.is(readFileSync(tried, 'utf8').length, 1, 'once by both daemons');
});

test('memory that is not shared: one cold restart, and no mode that would lose it', async (context) => {
  const { app, folders } = await begin(context);
  const lines = editing('s/,aux-ram-share=on//', 's/,share=on$/,share=off/');
  const source = await registerWrapper(app, folders, 'private', { binary: binary('11.1', 'x86_64'), lines });
  const target = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, source);

  const report = await preflight(context, id, { build: target });

  assert.is(report.verdict, 'needs-cold-restart');
  const found = new Set(codes(report, 'block'));
  assert.equal([...found].slice(0, 3), ['memory_not_shared', 'aux_memory_not_shared', 'source_blocked']);
  assert.match(report.modeReason, /no mode can be taken: cpr-transfer: memory backend ram0 is not shared/);
  assert.match(report.modeReason, /cpr-exec: memory backend ram0 is not shared/);
  const exec = await preflight(context, id, { build: target, mode: 'cpr-exec' });
  assert.ok(
    codes(exec, 'block').includes('source_blocked'),
    'the mode that keeps silent is asked as the other',
  );
  const upgrade = await upgradeEnd(app, id, { build: target });
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'preflight_blocked']);
  assert.equal(
    upgrade.phases.map(({ name }: { name: string }) => name),
    ['preflight'],
  );
  assert.is(upgrade.findings[0].code, 'memory_not_shared');
  const forced = await call(app, 'POST', `/v1/machines/${id}/upgrade`, { force: ['memory_not_shared'] });
  assert.is(forced.status, 400);
  assert.is(await modeOf(context, id), 'normal');
  await ticksOf(folders, id, 1, 0);
});

test('a state that the target cannot load is known before it is tried', async (context) => {
  const { app, folders } = await begin(context, 'riscv64');
  const source = await registerQemu(app, folders, 'old', binary('10.0', 'riscv64'));
  const target = await registerQemu(app, folders, 'new', binary('11.1', 'riscv64'));
  const id = await runOnQemu(app, folders, source);
  const report = await preflight(context, id, { build: target });
  assert.is(report.verdict, 'needs-cold-restart');
  assert.ok(codes(report, 'block').includes('vmstate_known_loss'));
  assert.not(existsSync(`${folders.runtimeDir}/trial`), 'nothing was rehearsed');
});

test('machine types that the target lacks, or will lack soon', async (context) => {
  const { app, folders } = await begin(context);
  const older = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const newer = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, older, { machineType: 'pc-q35-4.2' });
  const gone = await preflight(context, id, { build: newer });
  assert.equal([gone.verdict, codes(gone, 'block')], ['needs-cold-restart', ['build_not_suitable']]);
  assert.match(gone.findings[0]?.sentence ?? '', /machineType is pc-q35-4.2, but with the build it can be/);

  const other = await runOnQemu(app, folders, older, { name: 'other', machineType: 'pc-q35-7.2' });
  const deprecated = await preflight(context, other, { build: newer, rehearse: false });
  assert.is(deprecated.verdict, 'can-upgrade', JSON.stringify(deprecated));
  assert.ok(codes(deprecated, 'warn').includes('target_machine_deprecated'));
  assert.ok(codes(deprecated, 'info').includes('rehearsal_skipped'));
});

test('a mode that a side does not know', async (context) => {
  const { app, folders } = await begin(context);
  const older = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const newer = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, older);
  const report = await preflight(context, id, { build: newer, mode: 'cpr-exec' });
  assert.equal([report.verdict, report.mode], ['cannot-upgrade', null]);
  assert.is(report.modeReason, `cpr-exec: ${older} does not know it`);
  assert.equal(codes(report, 'block'), ['mode_not_supported']);
});

test('files that the target would open and cannot, or that are others than those in use', async (context) => {
  const { app, folders } = await begin(context);
  const source = await registerQemu(app, folders, 'old', binary('10.0', 'x86_64'));
  const target = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const disk = `${folders.path}/disk.raw`;
  writeFileSync(disk, Buffer.alloc(1024 * 1024));
  const id = await runOnQemu(app, folders, source, { disks: [{ path: disk }] });
  await ticksOf(folders, id, 1, 0);
  const blockers = async () => {
    const report = await preflight(context, id, { build: target });
    return [report.verdict, ...codes(report, 'block')];
  };
  copyFileSync(disk, `${disk}.copy`);
  renameSync(disk, `${disk}.used`);
  assert.equal(await blockers(), ['cannot-upgrade', 'file_not_usable']);
  renameSync(`${disk}.copy`, disk);
  assert.equal(await blockers(), ['cannot-upgrade', 'disk_replaced']);
  renameSync(`${disk}.used`, disk);
  assert.equal(await blockers(), ['can-upgrade']);
  rmSync(folders.kernel);
  assert.equal(await blockers(), ['cannot-upgrade', 'file_not_usable']);
});

test('what the command line of the target misses can be passed over by an operator who knows', async (context) => {
  const { app, folders } = await begin(context);
  const qemu = binary('11.1', 'x86_64');
  const lines = [`case "$*" in -help) ${qemu} -help | grep -v ^-accel; exit ;; esac`];
  const source = await registerQemu(app, folders, 'one', qemu);
  const target = await registerWrapper(app, folders, 'other', { binary: qemu, lines });
  const id = await runOnQemu(app, folders, source);
  const report = await preflight(context, id, { build: target });
  assert.equal([report.verdict, codes(report, 'block')], ['needs-cold-restart', ['target_option_missing']]);
  const force = ['target_option_missing'];
  const forced = await preflight(context, id, { build: target, force });
  assert.equal([forced.verdict, codes(forced, 'warn')], ['can-upgrade', force]);
  const upgrade = await upgradeEnd(app, id, { build: target, force });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
});

test('builds that cannot be asked any more say nothing against it', async (context) => {
  const { app, folders } = await begin(context);
  const qemu = binary('11.1', 'x86_64');
  const lines = ['case "$*" in *-dump-vmstate*) echo no such luck >&2; exit 1 ;; esac'];
  const source = await registerQemu(app, folders, 'one', qemu);
  const silent = await registerWrapper(app, folders, 'silent', { binary: qemu, lines });
  const id = await runOnQemu(app, folders, source);
  const report = await preflight(context, id, { build: silent });
  assert.is(report.verdict, 'can-upgrade');
  const [finding] = report.findings;
  assert.equal([finding?.code, finding?.severity], ['comparison_not_possible', 'warn']);
  assert.match(finding?.sentence ?? '', /no such luck/);
  const broken = await registerWrapper(app, folders, 'broken', { binary: qemu });
  writeFileSync(`${folders.path}/broken.sh`, '#!/bin/sh\nexit 1\n');
  const refused = await preflight(context, id, { build: broken });
  assert.equal([refused.verdict, codes(refused, 'block')], ['cannot-upgrade', ['build_changed']]);
  rmSync(`${folders.path}/one`);
  const gone = await preflight(context, id, { build: silent });
  assert.equal([gone.verdict, codes(gone, 'warn')], ['can-upgrade', ['source_build_changed']]);
  const upgrade = await upgradeEnd(app, id, { build: silent });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
});

test('a stopped machine: whether the build could start it', async (context) => {
  const { app, folders } = await begin(context);
  const build = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const document = { name: 'm', memoryMiB: 64, kernel: folders.kernel, build, accelerator: 'tcg' };
  const { id } = (await call(app, 'POST', '/v1/machines', document)).body;
  const report = await preflight(context, id, { build });
  assert.equal([report.verdict, report.mode], ['can-upgrade', null]);
  assert.equal(codes(report, 'info'), ['machine_not_running']);
  rmSync(folders.kernel);
  const broken = await preflight(context, id, { build });
  assert.equal([broken.verdict, codes(broken, 'block')], ['cannot-upgrade', ['file_not_usable']]);
});

test('while an operation works on the machine its VMM is left alone', async (context) => {
  const { app, folders } = await begin(context);
  const build = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, build);
  const { headers } = await call(app, 'POST', `/v1/machines/${id}/stop`, { powerdownMs: 60_000 });
  const report = await preflight(context, id, { build });
  assert.equal([report.verdict, codes(report, 'block')], ['cannot-upgrade', ['operation_in_progress']]);
  await perform(app, `/v1/machines/${id}/kill`);
  await operationEnd(app, String(headers.location));
});

test('an upgrade that begins meanwhile goes first, and the mode is not left behind', async (context) => {
  const { app, folders } = await begin(context);
  const source = await registerQemu(app, folders, 'one', binary('11.1', 'x86_64'));
  const target = await registerQemu(app, folders, 'other', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, source);
  const looks = [1, 2, 3].map(() => preflight(context, id, { build: target }));
  const upgrade = await upgradeEnd(app, id, { build: target });
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  for (const { verdict } of await Promise.all(looks)) assert.not.equal(verdict, 'needs-cold-restart');
  assert.is(await modeOf(context, id), 'normal');
  assert.is(vmmPids(folders).length, 1);
});

test('what a daemon left that died while it looked is set back and cleared away by the next', async (context) => {
  const { app, folders } = await begin(context);
  const build = await registerQemu(app, folders, 'new', binary('11.1', 'x86_64'));
  const id = await runOnQemu(app, folders, build);
  mkdirSync(`${folders.runtimeDir}/trial/left`, { recursive: true });
  assert.is(await modeOf(context, id, 'cpr-transfer'), 'cpr-transfer');
  assert.not(existsSync(`${folders.runtimeDir}/trial`));
  assert.is(await modeOf(context, id), 'normal');
});

if (missing !== undefined && 'missing' in missing) skipSuite(SUITE, missing.missing);
else test.run();
