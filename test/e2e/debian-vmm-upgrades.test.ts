/**
 * A whole Debian at work goes from one baton-vmm to the next, by cpr-transfer and cpr-exec in turn, and nothing in it
 * or around it breaks. Its network is passt's, in a namespace of the test's own.
 */
import { suite } from 'uvu';
import { BATON } from '../bench/contender.js';
import { findInCache } from '../fetch/cache.js';
import { debianSystemMissing } from '../guests/linux/debian-system.js';
import { diskToolsMissing } from '../guests/linux/disk-image.js';
import { skipSuite } from '../helpers/skip.js';
import { DebianStage } from './debian-stage.js';
import { isInOwnNetwork, ownNetworkMissing } from './own-network.js';

const SUITE = 'Debian at work through hand-overs of baton-vmm';
const UPGRADES = 8;
/** Fewer on a slow machine, rather than a file that is ended by its runner. */
const LEAST_UPGRADES = 4;
const ENOUGH_AFTER_MS = 150_000;

const test = suite<{ stage: DebianStage | undefined }>(SUITE);
test.after(({ stage }) => stage?.close());

test('nothing is reset, lost, doubled or wrong through all of them', async (context) => {
  const startedAt = performance.now();
  const stage = await DebianStage.open(BATON);
  context.stage = stage;
  for (let done = 0; done < UPGRADES; done++) {
    if (done >= LEAST_UPGRADES && performance.now() - startedAt > ENOUGH_AFTER_MS) break;
    const figures = await stage.upgrade(done % 2 === 0 ? 'cpr-transfer' : 'cpr-exec');
    const rounded = [figures.pauseMs, figures.sshGapMs, figures.tcpGapMs].map((ms) => ms.toFixed(1));
    console.log(`${figures.mode}: pause, longest gap of ssh and of TCP in ms: ${rounded.join(', ')}`);
  }
  await stage.finish();
});

const passt = findInCache().passt();
const missing =
  (await debianSystemMissing()) ??
  (await diskToolsMissing()) ??
  ('missing' in passt ? passt.missing : null) ??
  (await ownNetworkMissing());
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
