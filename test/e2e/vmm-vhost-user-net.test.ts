/**
 * A TCP stream through a passt that has the guest's queues itself (vhost-user), while one baton-vmm after the other
 * takes the guest over.
 */
import { channelsTo, prepareSource } from '../vmm/vmm-process.js';
import { handOverByTurns } from './hand-overs.js';
import { flowsOn, openStream, passtSuite, runPasst, VHOST_USER } from './passt-stage.js';

const SUITE = 'passt by vhost-user through hand-overs of baton-vmm';
const ROUNDS = 12;

const test = passtSuite(SUITE, VHOST_USER);

test(`it flows on through ${ROUNDS} of them, by cpr-transfer and cpr-exec in turn`, (context) =>
  handOverByTurns({ ...context, flowsOn: () => flowsOn(context) }, ROUNDS));

test('it flows on in the source when a target that has it dies before it runs the guest', async (context) => {
  const { guest } = context;
  await prepareSource(guest.monitor);
  for (let round = 0; round < 3; round++) {
    const target = await guest.target([], true);
    guest.monitor.forgetEvents();
    await guest.monitor.execute('migrate', channelsTo(target));
    await guest.monitor.event('MIGRATION', 'completed');
    await target.kill();
    await guest.monitor.execute('cont');
    await flowsOn(context);
  }
});

test('it flows on through stop and cont, and a guest that starts anew is served again', async (context) => {
  const { guest, stream } = context;
  for (let round = 0; round < 3; round++) {
    await guest.monitor.execute('stop');
    await guest.monitor.execute('cont');
    await flowsOn(context);
  }
  stream.close();
  await guest.monitor.execute('system_reset');
  context.stream = await openStream();
  await flowsOn(context);
});

await runPasst(test, SUITE, VHOST_USER, import.meta.url);
