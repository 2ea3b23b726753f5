/** Looks whether it can work. Touches nothing, so there is nothing to undo. */
import { messageOf } from '../../errors.js';
import { UpgradeError } from '../../upgrade.js';
import { isSettled, queryMigrate } from '../migration.js';
import { nothingToUndo, type Step, sourceOf, type UpgradeContext } from '../step.js';

async function checkTargetBuild(context: UpgradeContext): Promise<void> {
  const { targetBuild, upgrade } = context;
  let hash: string;
  try {
    hash = await context.targetContentHash();
  } catch (cause) {
    throw new UpgradeError(
      'target_binary_missing',
      `build ${targetBuild.id} has no readable file at ${targetBuild.path} (${messageOf(cause)})`,
      { cause },
    );
  }
  if (hash !== targetBuild.contentHash) {
    throw new UpgradeError(
      'build_changed',
      `${targetBuild.path} was registered as ${targetBuild.contentHash.slice(0, 12)}, but is ${hash.slice(0, 12)} now`,
    );
  }
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
    await checkTargetBuild(context);
    await checkSource(context, signal);
  },
  undo: nothingToUndo,
};
