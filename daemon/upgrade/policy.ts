/** Which mode an upgrade takes, and why. Pure. */
import type { Build } from '../build.js';
import { BatonError } from '../errors.js';
import type { UpgradeMode } from '../upgrade.js';

export type RequestedMode = UpgradeMode | 'auto';

export interface ModeChoice {
  readonly mode: UpgradeMode;
  readonly reason: string;
}

/** Best first: cpr-transfer is the only one that can still go back after the target has loaded. */
const PREFERENCE: readonly UpgradeMode[] = ['cpr-transfer', 'cpr-exec', 'cpr-reboot'];

export function chooseMode(
  requested: RequestedMode,
  source: Build,
  target: Build,
  offered: ReadonlySet<UpgradeMode>,
): ModeChoice {
  const common = PREFERENCE.filter(
    (mode) =>
      offered.has(mode) && source.abilities.modes.includes(mode) && target.abilities.modes.includes(mode),
  );
  if (requested === 'auto') {
    const [best] = common;
    if (best !== undefined) {
      return { mode: best, reason: `${best} is the safest mode that both builds know` };
    }
  } else if (common.includes(requested)) {
    return { mode: requested, reason: 'asked for' };
  }
  throw new BatonError(
    'mode_not_supported',
    `expected a mode that ${source.id} and ${target.id} both know, which is ${common.join(' or ') || 'none'}, got ${requested}`,
  );
}
