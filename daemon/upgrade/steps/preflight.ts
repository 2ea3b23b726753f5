/** Looks whether it can work. Touches nothing, so there is nothing to undo. */
import { messageOf } from '../../errors.js';
import { UpgradeError } from '../../upgrade.js';
import { isSettled, queryMigrate } from '../migration.js';
import { nothingToUndo, type Step, sourceOf, type UpgradeContext } from '../step.js';

async function checkFile(side: 'source' | 'target', context: UpgradeContext): Promise<void> {
  const build = context[`${side}Build`];
  let hash: string;
  try {
    hash = await context.contentHash(build);
  } catch (cause) {
    throw new UpgradeError(
      `${side}_binary_missing`,
      `build ${build.id} has no readable file at ${build.path} (${messageOf(cause)})`,
      { cause },
    );
  }
  if (hash !== build.contentHash) {
    throw new UpgradeError(
      'build_changed',
      `${build.path} was registered as ${build.contentHash.slice(0, 12)}, but is ${hash.slice(0, 12)} now`,
    );
  }
}

async function checkBuilds(context: UpgradeContext): Promise<void> {
  const { targetBuild, upgrade } = context;
  await checkFile('target', context);
  /* There the way back is to start the old build again. */
  if (upgrade.mode === 'cpr-exec') await checkFile('source', context);
  for (const build of [context.sourceBuild, targetBuild]) {
    if (!build.abilities.modes.includes(upgrade.mode)) {
      throw new UpgradeError('mode_not_supported', `build ${build.id} does not know ${upgrade.mode}`);
    }
  }
}

async function checkSource(context: UpgradeContext, signal: AbortSignal): Promise<void> {
  const source = sourceOf(context);
  const { running, status } = await source.queryStatus({ signal });
  if (running !== context.upgrade.wasRunning) {
    const expected = context.upgrade.wasRunning ? 'running' : 'paused';
    throw new UpgradeError('source_not_ready', `expected the source to be ${expected}, but it is ${status}`);
  }
  if (status === 'postmigrate') {
    throw new UpgradeError(
      'source_not_ready',
      'the source was stopped by an earlier upgrade that was rolled back: resume the machine once, then upgrade it',
    );
  }
  const migration = await queryMigrate(source, { signal });
  if (!isSettled(migration)) {
    throw new UpgradeError('source_not_ready', `the source is migrating already (${migration.status})`);
  }
}

export const preflight: Step = {
  name: 'preflight',
  state: 'preflight',
  deadlineMs: 10_000,
  commits: false,
  async run(context, signal) {
    await checkBuilds(context);
    await checkSource(context, signal);
  },
  undo: nothingToUndo,
};
