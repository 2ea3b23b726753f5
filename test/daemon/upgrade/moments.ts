/**
 * The moments of an upgrade at which the daemon could die, made from the steps of its mode, so that a new step is
 * killed at without being asked for. Those between the two moments of a step are named here; that none is missing
 * shows in what upgrades told of themselves.
 */
import * as assert from 'uvu/assert';
import { STEPS } from '../../../daemon/upgrade/modes.js';
import type { UpgradeMode } from '../../../daemon/upgrade.js';

export interface Moments {
  /** The source goes on. */
  readonly before: readonly string[];
  /** On the way back; of a mode that has to start a VMM for it, those of that as well. */
  readonly back: readonly string[];
  /** The target goes on. */
  readonly after: readonly string[];
}

const WITHIN: Readonly<Record<string, readonly string[]>> = {
  'start-target': ['spawned:target'],
  'start-waiting-target': ['spawned:target'],
  'hand-over': ['paused'],
  exec: ['announced', 'paused', 'replaced'],
  save: ['paused'],
};
const WITHIN_UNDO: Readonly<Record<string, readonly string[]>> = { exec: ['spawned:target', 'restored'] };

/**
 * A step that is mostly not yet written down when the daemon dies in it, so that the next one undoes it only now and
 * then. The daemon that began it is killed there with a target that fails it: see `recovery-decided.test.ts`.
 */
const UNWRITTEN = 'verify';
/** Told by a start, which has a test of its own. */
const OF_START = 'spawned';

export function momentsOf(mode: UpgradeMode): Moments {
  const steps = STEPS.get(mode) ?? [];
  const commit = steps.findIndex(({ commits }) => commits);
  const [undecided, decided] = [steps.slice(0, commit), steps.slice(commit)];
  const written = undecided.filter(({ name }) => name !== UNWRITTEN);
  const back = written.toReversed().flatMap(({ name }) => [...(WITHIN_UNDO[name] ?? []), `undone:${name}`]);
  return {
    before: undecided.flatMap(({ name }) => [`begun:${name}`, ...(WITHIN[name] ?? []), `acted:${name}`]),
    back: ['going-back', ...back],
    after: [
      ...decided.flatMap(({ name, commits }) => [
        `begun:${name}`,
        `acted:${name}`,
        ...(commits ? ['committed'] : []),
      ]),
      'finished',
    ],
  };
}

/** Fails for a moment that an upgrade of the mode told of and at which nobody kills. */
export function allAreKilledAt(mode: UpgradeMode, told: readonly string[]): void {
  const { before, back, after } = momentsOf(mode);
  const known = new Set([OF_START, `undone:${UNWRITTEN}`, ...before, ...back, ...after]);
  assert.equal(
    [...new Set(told)].filter((moment) => !known.has(moment)),
    [],
    'moments without a kill',
  );
}
