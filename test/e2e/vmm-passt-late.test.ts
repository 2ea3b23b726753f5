/**
 * A TCP stream through passt to Linux in the guest, while one baton-vmm after the other takes it over and the
 * connection goes in the main channel (parameter `local`).
 */
import { handOverEarlyAndLate } from './hand-overs.js';
import { flowsOn, passtSuite, runPasst, STREAM } from './passt-stage.js';

const SUITE = 'passt through the main channel';
const ROUNDS = 12;

const test = passtSuite(SUITE, STREAM);

test(`it flows on through ${ROUNDS} in which the connection goes early and late in turn`, (context) =>
  handOverEarlyAndLate({ ...context, flowsOn: () => flowsOn(context) }, ROUNDS));

test('it flows on in the source when a target to which it went late dies before it runs the guest', async (context) => {
  const { guest } = context;
  for (const mode of ['normal', 'cpr-transfer'] as const) {
    const target = await guest.migrateLocal(mode, { stopped: true });
    await guest.monitor.event('MIGRATION', 'completed');
    await target.kill();
    await guest.monitor.execute('cont');
    await flowsOn(context);
  }
});

await runPasst(test, SUITE, STREAM, import.meta.url);
