/** The way back to the source when its monitor hangs up in that very moment: it is said again, to a bound. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QmpDisconnected } from '../../../daemon/instance/qmp-errors.js';
import { fenceTarget, returnToSource } from '../../../daemon/upgrade/fence.js';
import type { UpgradeContext } from '../../../daemon/upgrade/step.js';

const test = suite('upgrade, the way back to the source');

/** A source that stands still and hangs up `hangUps` times before it answers the command. */
function sourceThatHangsUp(command: string, hangUps: number) {
  const said: string[] = [];
  let left = hangUps;
  let running = false;
  const execute = async (asked: string, args: Record<string, unknown> = {}) => {
    if (asked === command && left > 0) {
      left -= 1;
      throw new QmpDisconnected();
    }
    said.push(asked === 'migrate-set-parameters' ? `mode ${args.mode}` : asked);
    if (asked === 'cont') running = true;
    if (asked === 'query-status') return { running, status: running ? 'running' : 'postmigrate' };
    return asked === 'query-migrate' ? { status: 'failed' } : {};
  };
  const source = {
    generation: 1,
    hasEnded: false,
    isAnswering: true,
    gone: new AbortController().signal,
    qmp: { execute },
    queryStatus: () => execute('query-status'),
  };
  const context = { source, target: null, upgrade: { wasRunning: true } } as unknown as UpgradeContext;
  return { context, said, isRunning: () => running };
}

for (const command of ['query-migrate', 'query-status', 'cont', 'migrate-set-parameters']) {
  test(`a monitor that hangs up at ${command} is asked again`, async () => {
    const { context, said, isRunning } = sourceThatHangsUp(command, 2);
    await returnToSource(context, await fenceTarget(context));
    assert.ok(isRunning());
    assert.is(said.at(-1), 'mode normal');
    assert.is(said.filter((word) => word === 'cont').length, 1);
  });
}

test('one that hangs up each time is given up', async () => {
  const { context } = sourceThatHangsUp('cont', Number.POSITIVE_INFINITY);
  const fenced = await fenceTarget(context);
  const error = await returnToSource(context, fenced).then(
    () => null,
    (thrown) => thrown,
  );
  assert.instance(error, QmpDisconnected);
});

test.run();
