/** A TCP stream through passt to Linux in the guest, while one baton-vmm after the other takes it over. */
import { channelsTo, prepareSource } from '../vmm/vmm-process.js';
import { handOverByTurns } from './hand-overs.js';
import { flowsOn, passtSuite, runPasst, STREAM } from './passt-stage.js';

const SUITE = 'passt through hand-overs of baton-vmm';
const ROUNDS = 20;

const test = passtSuite(SUITE, STREAM);

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

await runPasst(test, SUITE, STREAM, import.meta.url);
