/** The engine by itself, on steps that do what the test says: what it runs, undoes, writes, and in which order. */
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { ANY_BUILD, DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { Store } from '../../../daemon/store/store.js';
import { type Outcome, UpgradeEngine } from '../../../daemon/upgrade/engine.js';
import { Journal } from '../../../daemon/upgrade/journal.js';
import type { Step, UpgradeContext } from '../../../daemon/upgrade/step.js';
import { type Upgrade, UpgradeError, type UpgradeState } from '../../../daemon/upgrade.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const MACHINE = '00000000-0000-4000-8000-000000000001';
const STATES: readonly UpgradeState[] = [
  'preflight',
  'preparing',
  'transferring',
  'configuring',
  'paused',
  'verifying',
  'committing',
  'finishing',
];
const NAMES = ['look', 'prepare', 'move', 'set up', 'stop', 'check', 'commit', 'release'];
const COMMIT = NAMES.indexOf('commit');
const ALL_RUN = NAMES.map((name) => `run ${name}`);

interface Context {
  dir: TempDir;
  store: Store;
  /** What was done, in order. */
  done: string[];
  fail: Map<string, Error>;
  cancel: AbortController;
}

const test = suite<Context>('upgrade engine');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.store = new Store({ path: `${context.dir.path}/s.sqlite`, nowMs: () => 1 });
  context.done = [];
  context.fail = new Map();
  context.cancel = new AbortController();
  const { store } = context;
  store.durably(() => {
    const spec = {
      ...DEFAULT_HARDWARE,
      ...DEFAULT_HOST_POLICY,
      memoryMiB: 1,
      vcpus: 1,
      kernel: '/k',
      initrd: null,
      commandLine: null,
      firmware: null,
    };
    store.machines.insert({ id: MACHINE, name: 'm', spec, builds: ANY_BUILD });
    store.operations.insert({ id: 'u', kind: 'upgrade', machineId: MACHINE });
    store.upgrades.insert({
      id: 'u',
      machineId: MACHINE,
      mode: 'cpr-transfer',
      modeReason: '',
      sourceGeneration: 1,
      targetGeneration: 2,
      sourceBuild: 'a',
      targetBuild: 'b',
      wasRunning: true,
      guest: { notify: false, freeze: false, reason: null },
    });
  });
});

test.after.each(async ({ store, dir }) => {
  store.close();
  await dir.remove();
});

function stepsOf({ done, fail }: Context): Step[] {
  const act = (what: string) => {
    done.push(what);
    const error = fail.get(what);
    if (error !== undefined) throw error;
  };
  return NAMES.map((name, index) => ({
    name,
    state: STATES[index] as UpgradeState,
    deadlineMs: 1_000,
    commits: name === 'commit',
    run: async () => act(`run ${name}`),
    undo: async () => act(`undo ${name}`),
  }));
}

function engineOf(context: Context, steps = stepsOf(context)): UpgradeEngine {
  const { store, cancel } = context;
  const upgrade = store.upgrades.byId('u') as Upgrade;
  const source = { hasEnded: false, gone: new AbortController().signal, shutdownReason: null };
  const parts = { upgrade, source, target: null, sourceEvents: null, targetEvents: null };
  const times = { stopAtUs: { value: 1_000 }, resumeAtUs: { value: 3_500 } };
  return new UpgradeEngine({
    context: { ...parts, ...times } as unknown as UpgradeContext,
    stepsOf: () => steps,
    journal: new Journal(store, upgrade, () => undefined),
    log: pino({ level: 'silent' }),
    cancel: cancel.signal,
    deadlinesMs: {},
    writeEnd: () => undefined,
  });
}

function stored({ store }: Context) {
  const upgrade = store.upgrades.byId('u') as Upgrade;
  const steps = upgrade.steps.map(({ name, result }) => `${name} ${result}`);
  return { ...upgrade, steps, generation: store.machines.byId(MACHINE)?.currentGeneration };
}

test('all goes well: every step once, the pause measured, the target is the machine', async (context) => {
  const outcome: Outcome = await engineOf(context).run();
  assert.is(outcome.state, 'succeeded');
  assert.equal(context.done, ALL_RUN);
  const { state, steps, pauseUs, generation, committed } = stored(context);
  assert.is(state, 'succeeded');
  assert.equal(
    steps,
    NAMES.map((name) => `${name} done`),
  );
  assert.is(pauseUs, 2_500);
  assert.is(generation, 2);
  assert.is(committed, true);
});

test('a step before the commit fails: what was begun is undone, last first', async (context) => {
  context.fail.set('run prepare', new UpgradeError('source_blocked', 'no'));
  const outcome = await engineOf(context).run();
  assert.is(outcome.state, 'rolled-back');
  assert.is(outcome.reason?.code, 'source_blocked');
  assert.equal(context.done, ['run look', 'run prepare', 'undo prepare', 'undo look']);
  assert.equal(stored(context).steps, ['look undone', 'prepare undone']);
  assert.is(stored(context).committed, false);
});

test('an undo that fails: the others are still tried, and the end is failed with both causes', async (context) => {
  context.fail.set('run prepare', new UpgradeError('source_blocked', 'first'));
  context.fail.set('undo prepare', new Error('second'));
  const outcome = await engineOf(context).run();
  assert.is(outcome.state, 'failed');
  assert.is(outcome.reason?.code, 'source_not_resumed');
  assert.match(outcome.reason?.message ?? '', /first; then: second/);
  assert.equal(context.done.slice(-2), ['undo prepare', 'undo look']);
});

test('a commit that is refused goes back', async (context) => {
  context.fail.set('run commit', new UpgradeError('commit_refused', 'locked'));
  const outcome = await engineOf(context).run();
  assert.is(outcome.state, 'rolled-back');
  assert.is(context.done.at(-1), 'undo look');
  assert.is(stored(context).committed, false);
});

for (const error of [new UpgradeError('commit_unconfirmed', 'silence'), new Error('anything else')]) {
  test(`a commit in doubt (${error.message}) never goes back, and the source is released`, async (context) => {
    context.fail.set('run commit', error);
    const outcome = await engineOf(context).run();
    assert.is(outcome.state, 'failed');
    assert.equal(context.done, ALL_RUN);
    assert.is(stored(context).committed, true);
    assert.is(stored(context).generation, 2);
  });
}

test('a failure after the commit never goes back', async (context) => {
  context.fail.set('run release', new UpgradeError('source_not_released', 'stuck'));
  const outcome = await engineOf(context).run();
  assert.is(outcome.state, 'failed');
  assert.is(outcome.reason?.code, 'source_not_released');
  assert.not.ok(context.done.some((what) => what.startsWith('undo')));
  assert.is(stored(context).generation, 2);
});

test('a step beyond its deadline is told by its signal', async (context) => {
  const steps = stepsOf(context);
  const slow: Step = {
    ...(steps[1] as Step),
    deadlineMs: 20,
    run: (_context, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  const outcome = await engineOf(context, steps.with(1, slow)).run();
  assert.is(outcome.state, 'rolled-back');
  assert.match(outcome.reason?.message ?? '', /prepare was not done within 20 ms/);
});

test('cancelled before the commit: cancelled; the commit is not begun', async (context) => {
  const steps = stepsOf(context);
  const cancelling: Step = {
    ...(steps[1] as Step),
    run: async () => context.cancel.abort(new UpgradeError('cancelled', 'it was cancelled')),
  };
  const outcome = await engineOf(context, steps.with(1, cancelling)).run();
  assert.is(outcome.state, 'cancelled');
  assert.equal(context.done, ['run look', 'undo prepare', 'undo look']);
});

test('cancelled during the commit: not heard', async (context) => {
  const steps = stepsOf(context);
  const commit: Step = {
    ...(steps[COMMIT] as Step),
    run: async (_context, signal) => {
      context.cancel.abort(new UpgradeError('cancelled', 'it was cancelled'));
      signal.throwIfAborted();
    },
  };
  assert.is((await engineOf(context, steps.with(COMMIT, commit)).run()).state, 'succeeded');
});

test('taken up from a daemon with fewer steps in its list: what it had begun is undone, by name', async (context) => {
  const older = stepsOf(context).filter(({ name }) => name !== 'set up');
  const journal = new Journal(context.store, context.store.upgrades.byId('u') as Upgrade, () => undefined);
  const begun = older.slice(0, older.findIndex(({ name }) => name === 'stop') + 1);
  for (const [position, step] of begun.entries()) journal.begin(position, step, null);
  const outcome = await engineOf(context).recover();
  assert.is(outcome.reason?.code, 'daemon_restarted');
  assert.equal(context.done, ['undo stop', 'undo set up', 'undo move', 'undo prepare', 'undo look']);
});

test('a list of steps has exactly one commit', (context) => {
  const steps = stepsOf(context).filter((step) => !step.commits);
  assert.throws(() => engineOf(context, steps), /exactly one step that commits/);
});

test('an intent that cannot be written: the act is not done, what was done is undone', async (context) => {
  const { store } = context;
  const steps = stepsOf(context);
  const filling: Step = {
    ...(steps[0] as Step),
    run: async () => {
      store.limitPages(store.pageCount);
      try {
        for (;;)
          store.quickly(() => store.emit({ type: 'baton.build.removed', subject: 'x', data: { path: '' } }));
      } catch {
        setTimeout(() => store.limitPages(1_000_000), 100);
      }
    },
  };
  const outcome = await engineOf(context, steps.with(0, filling)).run();
  assert.is(outcome.state, 'rolled-back');
  assert.is(outcome.reason?.code, 'journal_failed');
  assert.equal(context.done, ['undo look']);
  assert.is(stored(context).state, 'rolled-back');
});

test.run();
