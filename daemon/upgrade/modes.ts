/** The protocols: for each mode that is offered, its steps in order. A mode fits by being added here. */
import type { UpgradeMode } from '../upgrade.js';
import type { Step } from './step.js';
import { commit } from './steps/commit.js';
import { configureTarget } from './steps/configure-target.js';
import { exec } from './steps/exec.js';
import { handOver } from './steps/hand-over.js';
import { holdMemoryBeside } from './steps/hold-memory.js';
import { load, loadMemory } from './steps/load.js';
import { makeFolder } from './steps/make-folder.js';
import { preflight } from './steps/preflight.js';
import { prepareGuest } from './steps/prepare-guest.js';
import { prepareSource } from './steps/prepare-source.js';
import { releaseMemoryBeside } from './steps/release-memory.js';
import { releaseSource } from './steps/release-source.js';
import { removeState } from './steps/remove-state.js';
import { save } from './steps/save.js';
import { startTarget } from './steps/start-target.js';
import { startWaitingTarget } from './steps/start-waiting-target.js';
import { tellGuest } from './steps/tell-guest.js';
import { thawGuest } from './steps/thaw-guest.js';
import { transfer } from './steps/transfer.js';
import { verify } from './steps/verify.js';

const CPR_TRANSFER: readonly Step[] = [
  preflight,
  prepareSource,
  startTarget,
  prepareGuest,
  transfer,
  configureTarget,
  handOver,
  verify,
  commit,
  thawGuest,
  releaseSource,
  tellGuest,
];

/** One process: the target is what the source becomes. */
const CPR_EXEC: readonly Step[] = [
  preflight,
  prepareSource,
  holdMemoryBeside,
  prepareGuest,
  exec,
  load,
  verify,
  commit,
  thawGuest,
  releaseMemoryBeside,
  tellGuest,
];

/** The guest goes through a file, all of its memory too: the slow way, which old and new need to share least for. */
const CPR_REBOOT: readonly Step[] = [
  preflight,
  prepareSource,
  makeFolder,
  startWaitingTarget,
  prepareGuest,
  save,
  loadMemory,
  verify,
  commit,
  thawGuest,
  releaseSource,
  removeState,
  tellGuest,
];

export const STEPS: ReadonlyMap<UpgradeMode, readonly Step[]> = new Map([
  ['cpr-transfer', CPR_TRANSFER],
  ['cpr-exec', CPR_EXEC],
  ['cpr-reboot', CPR_REBOOT],
]);

export function stepsOf(mode: UpgradeMode): readonly Step[] {
  const steps = STEPS.get(mode);
  if (steps === undefined) throw new Error(`this daemon has no steps for ${mode}`);
  return steps;
}
