import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MachineHold } from '../../../daemon/machines/hold.js';

const free = () => false;

/** Work that ends when it is told to, and only some time after it was asked to end. */
function slowWork() {
  let end: () => void = () => undefined;
  let signal: AbortSignal | null = null;
  const ended = new Promise<string>((resolve) => {
    end = () => resolve('done');
  });
  const work = (given: AbortSignal) => {
    signal = given;
    return ended;
  };
  return { work, end: () => end(), isTold: () => signal?.aborted ?? null };
}

const test = suite('hold on a machine');

test('nothing is begun while an operation is under way', async () => {
  let begun = false;
  const work = async () => {
    begun = true;
  };
  assert.is(await new MachineHold().run(() => true, work), null);
  assert.is(begun, false);
});

test('one after the other, each with its own result', async () => {
  const hold = new MachineHold();
  const first = slowWork();
  const one = hold.run(free, first.work);
  const two = hold.run(free, async () => 'second');
  first.end();
  assert.equal(await Promise.all([one, two]), ['done', 'second']);
});

test('an operation has it end and waits for that; who waited for a turn finds the machine busy', async () => {
  const hold = new MachineHold();
  const first = slowWork();
  let isBusy = false;
  const one = hold.run(() => isBusy, first.work);
  const two = hold.run(
    () => isBusy,
    async () => 'second',
  );
  isBusy = true;
  let isFree = false;
  const taken = hold.takeBack().then(() => {
    isFree = true;
  });
  await new Promise(setImmediate);
  assert.equal([first.isTold(), isFree], [true, false]);
  first.end();
  await taken;
  assert.equal(await Promise.all([one, two]), ['done', null]);
});

test('work that fails gives the machine back', async () => {
  const hold = new MachineHold();
  const failing = hold.run(free, () => Promise.reject(new Error('no')));
  assert.is(await failing.catch((error) => error.message), 'no');
  await hold.takeBack();
  assert.is(await hold.run(free, async () => 'next'), 'next');
});

test.run();
