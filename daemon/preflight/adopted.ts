/** What keeps a machine that was adopted from being moved as one that was created here. Pure. */
import { obstaclesOf } from '../instance/adopted-line.js';
import type { PlannedMachine } from '../instance/driver.js';
import { ADOPTED_GENERATION } from '../machine.js';
import type { UpgradeMode } from '../upgrade.js';
import type { Finding } from './finding.js';

export const NOT_REHEARSED: Finding = {
  code: 'rehearsal_skipped',
  severity: 'info',
  sentence: 'it was not rehearsed: an adopted machine names what a second one beside it could not have',
  remedy: 'nothing to do: what fails before the commit leaves the machine on its source',
};

/** `generation`: of the source. */
export function adoptedFindings(
  { adopted = null }: PlannedMachine,
  generation: number | null,
  mode: UpgradeMode,
): readonly Finding[] {
  if (adopted === null) return [];
  if (mode === 'cpr-exec' && generation === ADOPTED_GENERATION) {
    const sentence = 'a process that was adopted cannot be told from what it becomes by cpr-exec';
    const remedy = 'move it by cpr-transfer or cpr-reboot first';
    return [{ code: 'adopted_not_by_exec', severity: 'block', sentence, remedy }];
  }
  if (mode !== 'cpr-transfer') return [];
  return obstaclesOf(adopted).map((sentence) => ({
    code: 'adopted_not_shareable',
    severity: 'block',
    sentence,
    remedy: 'move it by cpr-reboot, which ends the one process first',
  }));
}
