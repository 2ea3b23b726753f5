/** What waits for the next write while a guest stands still, and what does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_HARDWARE } from '../../../daemon/hardware.js';
import { ANY_BUILD, DEFAULT_HOST_POLICY } from '../../../daemon/machine.js';
import { Store } from '../../../daemon/store/store.js';
import { Journal } from '../../../daemon/upgrade/journal.js';
import type { Step } from '../../../daemon/upgrade/step.js';
import { commit } from '../../../daemon/upgrade/steps/commit.js';
import { handOver } from '../../../daemon/upgrade/steps/hand-over.js';
import { verify } from '../../../daemon/upgrade/steps/verify.js';
import type { Upgrade, UpgradeState } from '../../../daemon/upgrade.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const MACHINE = '00000000-0000-4000-8000-000000000001';

interface Context {
  dir: TempDir;
  store: Store;
  journal: Journal;
}

const test = suite<Context>('upgrade journal');

/** The upgrade has come to the step in which the guest stops. */
test.before.each(async (context) => {
  context.dir = await tempDir();
  const store = new Store({ path: `${context.dir.path}/s.sqlite`, nowMs: () => 1 });
  context.store = store;
  const boot = { kernel: '/k', initrd: null, commandLine: null, firmware: null };
  store.durably(() => {
    const spec = { ...DEFAULT_HARDWARE, ...DEFAULT_HOST_POLICY, ...boot, memoryMiB: 1, vcpus: 1 };
    store.machines.insert({ id: MACHINE, name: 'm', spec, builds: ANY_BUILD });
    store.operations.insert({ id: 'u', kind: 'upgrade', machineId: MACHINE });
    store.upgrades.insert({
      ...{ id: 'u', machineId: MACHINE, mode: 'cpr-transfer', modeReason: '' },
      ...{
        sourceGeneration: 1,
        targetGeneration: 2,
        sourceBuild: 'a',
        targetBuild: 'b',
        wasRunning: true,
        guest: { notify: false, freeze: false, reason: null },
      },
    });
  });
  const upgrade = { ...(store.upgrades.byId('u') as Upgrade), state: 'configuring' as UpgradeState };
  context.journal = new Journal(store, upgrade, () => undefined);
  context.journal.begin(0, handOver, null);
});

test.after.each(async ({ store, journal, dir }) => {
  journal.guestResumed();
  store.close();
  await dir.remove();
});

function stored({ store }: Context) {
  const { state, steps } = store.upgrades.byId('u') as Upgrade;
  return { state, steps: steps.map(({ name, result }) => `${name} ${result}`) };
}

function states({ store }: Context): unknown[] {
  return store.events.after(0, 100).map(({ data }) => (data as { state?: string }).state);
}

test('while the guest stands still looks are written with the next act, in order', (context) => {
  const { journal } = context;
  journal.guestPaused();
  journal.begin(1, verify, { position: 0, durationUs: 1 });
  assert.equal(stored(context).steps, ['hand-over null']);
  journal.begin(2, commit, { position: 1, durationUs: 1 });
  assert.equal(stored(context), {
    state: 'committing',
    steps: ['hand-over done', 'verify done', 'commit null'],
  });
  assert.equal(states(context), ['paused', 'verifying', 'committing']);
});

test('a long pause is told before it ends', async (context) => {
  context.journal.guestPaused();
  await waitFor(() => stored(context).state === 'paused', { what: 'the pause to be written' });
  context.journal.begin(1, verify, null);
  await waitFor(() => stored(context).state === 'verifying', { what: 'the look to be written' });
});

test('a look that fails is written with the way back', (context) => {
  const { journal } = context;
  journal.guestPaused();
  journal.begin(1, verify, { position: 0, durationUs: 1 });
  const reason = {
    code: 'target_not_verified',
    message: 'no',
    remedy: '',
    step: 'verify',
    vmmOutput: [],
  } as const;
  journal.goBack(reason, { position: 1, durationUs: 1 });
  assert.equal(stored(context), { state: 'rolling-back', steps: ['hand-over done', 'verify failed'] });
});

test('an act whose intent cannot be written is refused, and nothing that waited is lost', (context) => {
  const { journal, store } = context;
  journal.guestPaused();
  journal.begin(1, verify, { position: 0, durationUs: 1 });
  store.limitPages(store.pageCount);
  const long: Step = { ...commit, name: 'x'.repeat(100_000) };
  assert.throws(
    () => journal.begin(2, long, null),
    (error: { code: string }) => error.code === 'store_full',
  );
  assert.equal(stored(context).steps, ['hand-over null']);
  store.limitPages(1_000_000);
  journal.begin(2, commit, null);
  assert.equal(stored(context).steps, ['hand-over done', 'verify null', 'commit null']);
});

test.run();
