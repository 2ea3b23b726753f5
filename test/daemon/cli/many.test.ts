/** Commands for very many machines: as many connections as one user may have, and nothing left out. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { atMost } from '../../../daemon/cli/at-most.js';
import type { Context } from '../../../daemon/cli/context.js';
import { perform } from '../../../daemon/cli/following.js';
import type { Operation } from '../../../daemon/client/index.js';
import { waitFor } from '../../helpers/wait.js';

const test = suite('commands for many machines');

/** Counts what is under way; each ends when it is let go. */
class Gate {
  underWay = 0;
  most = 0;
  #open = false;
  #waiting: (() => void)[] = [];

  async pass(): Promise<void> {
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    if (this.#open) await new Promise((resolve) => setImmediate(resolve));
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.underWay -= 1;
  }

  open(): void {
    this.#open = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

test('so many are at work at once, in order, and one that fails gives its turn on', async () => {
  const turns = atMost(2);
  const gate = new Gate();
  const begun: number[] = [];
  const all = Array.from({ length: 7 }, (_, n) =>
    turns(async () => {
      begun.push(n);
      await gate.pass();
      if (n % 2 === 0) throw new Error(`${n} fails`);
      return n;
    }),
  );
  const ended = Promise.allSettled(all);
  await waitFor(() => begun.length === 2, { what: 'the first two' });
  gate.open();
  assert.equal(
    (await ended).map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
  );
  assert.equal([begun, gate.most], [[0, 1, 2, 3, 4, 5, 6], 2]);
});

test('500 machines are all begun though none has ended, a few requests at a time', async () => {
  const asked = new Gate();
  const waited = new Gate();
  asked.open();
  const begun: string[] = [];
  const lines: string[] = [];
  const context = {
    client: {
      operations: {
        ended: async (id: string) => {
          await waited.pass();
          return { id, kind: 'start', state: 'succeeded', error: null };
        },
      },
    },
    out: { line: (text: string) => lines.push(text) },
    ...{ json: false, signal: new AbortController().signal },
  } as unknown as Context;
  const machines = Array.from({ length: 500 }, (_, n) => `m${n}`);
  const ask = async (machine: string) => {
    await asked.pass();
    begun.push(machine);
    return { id: machine, kind: 'start' } as Operation;
  };
  const done = perform(context, { machines, ask, done: 'runs', wait: true });
  await waitFor(() => begun.length === machines.length, { what: 'all to be begun' });
  assert.is(lines.length, 0);
  waited.open();
  await done;
  assert.is(lines.length, machines.length);
  assert.ok(asked.most + waited.most <= 32, `${asked.most} and ${waited.most}`);
});

test.run();
