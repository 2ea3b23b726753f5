/** The protocols: for each mode that is offered, its steps in order. A mode fits by being added here. */
import type { UpgradeMode } from '../upgrade.js';
import type { Step } from './step.js';
import { commit } from './steps/commit.js';
import { configureTarget } from './steps/configure-target.js';
import { handOver } from './steps/hand-over.js';
import { preflight } from './steps/preflight.js';
import { prepareSource } from './steps/prepare-source.js';
import { releaseSource } from './steps/release-source.js';
import { startTarget } from './steps/start-target.js';
import { transfer } from './steps/transfer.js';
import { verify } from './steps/verify.js';

const CPR_TRANSFER: readonly Step[] = [
  preflight,
  prepareSource,
  startTarget,
  transfer,
  configureTarget,
  handOver,
  verify,
  commit,
  releaseSource,
];

export const STEPS: ReadonlyMap<UpgradeMode, readonly Step[]> = new Map([['cpr-transfer', CPR_TRANSFER]]);
