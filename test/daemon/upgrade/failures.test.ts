/**
 * Whatever goes wrong before the commit: the source runs on, the upgrade says what it was, no process is left
 * over, and the next upgrade works. Targets that misbehave are fakes; the source is the real VMM.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import type { Behaviour } from '../fake-vmm.js';
import {
  call,
  createRunning,
  type Folders,
  makeFolders,
  registerFake,
  rehearsalPids,
  startApp,
  tearDown,
  ticksOf,
  upgradeEnd,
  vmmPids,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  /** Looked at when a step begins. */
  deadlinesMs: Record<string, number>;
}

interface Expectation {
  readonly behaviour: Behaviour;
  readonly code: string;
  readonly step: string;
  readonly message: RegExp;
}

const FAILURES: readonly Expectation[] = [
  {
    behaviour: 'other-processors',
    code: 'target_not_verified',
    step: 'configure-target',
    message: /the target has a vCPU 1 that the source has not/,
  },
  { behaviour: 'refuses-options', code: 'target_died', step: 'start-target', message: /exit code 1/ },
  { behaviour: 'never-listens', code: 'target_timeout', step: 'start-target', message: /1000 ms/ },
  {
    behaviour: 'dies-after-descriptors',
    code: 'target_died',
    step: 'configure-target',
    message: /exit code 3/,
  },
  { behaviour: 'no-monitor', code: 'target_timeout', step: 'configure-target', message: /1000 ms/ },
  { behaviour: 'mute-monitor', code: 'target_timeout', step: 'configure-target', message: /1000 ms/ },
  {
    behaviour: 'garbage-monitor',
    code: 'target_rejected',
    step: 'configure-target',
    message: /does not speak QMP/,
  },
  { behaviour: 'endless-line', code: 'target_rejected', step: 'configure-target', message: /a line of more/ },
  {
    behaviour: 'refuses-incoming',
    code: 'transfer_failed',
    step: 'hand-over',
    message: /refuses incoming/,
  },
  { behaviour: 'rejects-load', code: 'transfer_failed', step: 'hand-over', message: /did not like it/ },
  { behaviour: 'cuts-stream', code: 'transfer_failed', step: 'hand-over', message: /source/ },
  { behaviour: 'dies-loading', code: 'target_died', step: 'hand-over', message: /exit code 5/ },
  { behaviour: 'hangs-loading', code: 'target_timeout', step: 'hand-over', message: /1000 ms/ },
  { behaviour: 'runs-unasked', code: 'target_not_verified', step: 'verify', message: /is running/ },
  { behaviour: 'refuses-cont', code: 'commit_refused', step: 'commit', message: /write lock/ },
];

const test = suite<Context>('upgrade, failures before the commit');

test.before(async (context) => {
  context.folders = await makeFolders();
  context.deadlinesMs = {};
  context.app = await startApp(context.folders, { deadlinesMs: context.deadlinesMs });
  context.id = await createRunning(context.app, context.folders);
});

test.after(async ({ folders, app }) => tearDown(folders, app));

for (const { behaviour, code, step, message } of FAILURES) {
  test(`a target that ${behaviour}: rolled back as ${code}, the guest ticks on`, async (context) => {
    const { app, folders, id, deadlinesMs } = context;
    if (code === 'target_timeout') deadlinesMs[step] = 1_000;
    const build = await registerFake(app, folders, behaviour);
    const upgrade = await upgradeEnd(app, id, { build });
    delete deadlinesMs[step];
    assert.is(upgrade.state, 'rolled-back', JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason.code, code, JSON.stringify(upgrade.reason));
    assert.is(upgrade.reason.step, step);
    assert.match(upgrade.reason.message, message);
    assert.ok(upgrade.reason.vmmOutput.join('\n').includes('fake-vmm'), "the target's own words");
    const { body: machine } = await call(app, 'GET', `/v1/machines/${id}`);
    assert.is(machine.state, 'running');
    assert.is(machine.generation, upgrade.sourceGeneration);
    assert.is(vmmPids(folders).length, 1, 'only the source is left');
    const before = await ticksOf(folders, id, machine.generation, 0);
    await ticksOf(folders, id, machine.generation, before);
  });
}

test('a target that an empty machine does not load into: refused before anything is touched', async (context) => {
  const { app, folders, id } = context;
  const build = await registerFake(app, folders, 'rejects-rehearsal');
  const upgrade = await upgradeEnd(app, id, { build });
  assert.equal([upgrade.state, upgrade.reason.code], ['rolled-back', 'preflight_blocked']);
  assert.is(upgrade.findings[0].code, 'rehearsal_state_refused');
  assert.equal([vmmPids(folders).length, rehearsalPids(folders).length], [1, 0]);
  const { body } = await call(app, 'POST', `/v1/machines/${id}/preflight`, { build });
  assert.is(body.verdict, 'needs-cold-restart');
  const unrehearsed = await call(app, 'POST', `/v1/machines/${id}/preflight`, { build, rehearse: false });
  assert.is(unrehearsed.body.verdict, 'can-upgrade');
});

test('after all these the next upgrade works, and the guest is intact', async ({ app, folders, id }) => {
  const upgrade = await upgradeEnd(app, id);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  assert.ok(upgrade.pauseMs > 0 && upgrade.pauseMs < 1_000, `pause ${upgrade.pauseMs} ms`);
  const ticks = await ticksOf(folders, id, upgrade.targetGeneration, 0);
  await ticksOf(folders, id, upgrade.targetGeneration, ticks);
  assert.is(vmmPids(folders).length, 1);
});

test.run();
