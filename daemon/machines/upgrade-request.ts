/** What an upgrade is asked for with, and what of it can be refused at once. */
import type { Build } from '../build.js';
import { BatonError } from '../errors.js';
import { refusalsOf } from '../instance/suitability.js';
import type { Machine } from '../machine.js';
import type { FindingCode } from '../preflight/finding.js';
import { STEPS } from '../upgrade/modes.js';
import { candidates, describe, type RequestedMode } from '../upgrade/policy.js';
import type { GuestWishes, Upgrade } from '../upgrade.js';
import type { Services } from './services.js';

export interface UpgradeRequest {
  readonly build: string | null;
  readonly mode: RequestedMode;
  readonly allowDowntime: boolean;
  /** Findings of preflight that are to be passed over. */
  readonly force: readonly FindingCode[];
  readonly guest: GuestWishes;
}

export interface PreflightQuestion extends UpgradeRequest {
  readonly rehearse: boolean;
}

/** The build that was named, or the machine's own. */
export function targetBuildOf({ builds }: Services, machine: Machine, named: string | null): Build {
  return builds.choose(machine.builds, named);
}

/** Refuses what no look at the running machine could make possible. The mode is preflight's to choose. */
export function planUpgrade(
  { builds }: Services,
  machine: Machine,
  sides: { readonly source: Build; readonly target: Build },
  requested: RequestedMode,
): Pick<Upgrade, 'mode' | 'modeReason' | 'sourceBuild' | 'targetBuild'> {
  const { source, target } = sides;
  const refusals = refusalsOf(builds.driver(target.kind), machine, target);
  if (refusals.length > 0) {
    throw new BatonError('build_not_suitable', `for build ${target.id}: ${refusals.join('; ')}`);
  }
  const { modes, passedOver } = candidates(requested, source, target, new Set(STEPS.keys()));
  const [mode] = modes;
  if (mode === undefined) {
    throw new BatonError(
      'mode_not_supported',
      `expected a mode that ${source.id} and ${target.id} both know, got ${requested}: ${describe(passedOver)}`,
    );
  }
  return { mode, modeReason: 'preflight has not chosen yet', sourceBuild: source.id, targetBuild: target.id };
}
