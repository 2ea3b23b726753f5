/** Which mode an upgrade takes, and why. Pure. */
import type { Build } from '../build.js';
import { blocks, type Finding } from '../preflight/finding.js';
import type { UpgradeMode } from '../upgrade.js';

export type RequestedMode = UpgradeMode | 'auto';

export interface ModeChoice {
  readonly mode: UpgradeMode;
  readonly reason: string;
}

export interface Candidates {
  /** Those that may be taken, best first. */
  readonly modes: readonly UpgradeMode[];
  readonly passedOver: readonly { readonly mode: UpgradeMode; readonly why: string }[];
}

export interface ModeFindings {
  readonly mode: UpgradeMode;
  readonly findings: readonly Finding[];
}

/** Best first: cpr-transfer is the only one that can still go back after the target has loaded. */
const PREFERENCE: readonly UpgradeMode[] = ['cpr-transfer', 'cpr-exec', 'cpr-reboot'];

/** By what is known to both builds and to this daemon. */
export function candidates(
  requested: RequestedMode,
  source: Build,
  target: Build,
  offered: ReadonlySet<UpgradeMode>,
): Candidates {
  const modes: UpgradeMode[] = [];
  const passedOver: { mode: UpgradeMode; why: string }[] = [];
  for (const mode of PREFERENCE.filter((mode) => requested === 'auto' || requested === mode)) {
    const ignorant = [source, target].find(({ abilities }) => !abilities.modes.includes(mode));
    if (!offered.has(mode)) passedOver.push({ mode, why: 'this daemon does not offer it' });
    else if (ignorant !== undefined) passedOver.push({ mode, why: `${ignorant.id} does not know it` });
    else modes.push(mode);
  }
  return { modes, passedOver };
}

/** `examined`: at least one, best first, and none behind the first that nothing blocks. */
export function chooseMode(
  requested: RequestedMode,
  { passedOver }: Candidates,
  examined: readonly [ModeFindings, ...ModeFindings[]],
): ModeChoice {
  const free = examined.find(({ findings }) => !blocks(findings));
  const { mode } = free ?? examined[0];
  if (requested !== 'auto') return { mode, reason: 'asked for' };
  const blocked = examined.flatMap((one) => {
    const first = one.findings.find(({ severity }) => severity === 'block');
    return first === undefined ? [] : [{ mode: one.mode, why: first.sentence }];
  });
  const others = [...passedOver, ...blocked].sort(byPreference);
  const better = others.filter((other) => free === undefined || byPreference(other, free) < 0);
  const why = describe(better);
  if (free === undefined) return { mode, reason: `no mode can be taken: ${why}` };
  const reason = `${mode} is the safest mode that can be taken`;
  return { mode, reason: why === '' ? reason : `${reason}; ${why}` };
}

/** "cpr-transfer: why it was passed over; cpr-exec: …" */
export function describe(passedOver: Candidates['passedOver']): string {
  return passedOver.map(({ mode, why }) => `${mode}: ${why}`).join('; ');
}

function byPreference(one: { mode: UpgradeMode }, other: { mode: UpgradeMode }): number {
  return PREFERENCE.indexOf(one.mode) - PREFERENCE.indexOf(other.mode);
}
