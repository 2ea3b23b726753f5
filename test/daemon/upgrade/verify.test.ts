/** The look before the commit, by itself: a target that owes its answer is not waited for beyond the step. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { UpgradeContext } from '../../../daemon/upgrade/step.js';
import { verify } from '../../../daemon/upgrade/steps/verify.js';
import { within } from '../../helpers/wait.js';

const test = suite('verify');

test('an answer that was asked for before ends with the step, too', async () => {
  const context = {
    source: { runStatus: { running: false, status: 'paused' } },
    loadedStatus: new Promise(() => undefined),
  } as unknown as UpgradeContext;
  const ending = new AbortController();
  const ended = verify.run(context, ending.signal).catch((error) => error);
  ending.abort(new Error('enough'));
  assert.is((await within(ended, 1_000, 'the step to end')).message, 'enough');
});

test.run();
