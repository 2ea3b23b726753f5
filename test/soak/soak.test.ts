/** The soak's own judgement: a plan can be played again, and a guest that two VMMs ran would be noticed. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { GuestWatch } from './guest-watch.js';
import { FAULTS, planRound } from './plan.js';

const STATUS_OFFSET = 0x180000;

interface Context {
  folder: TempDir;
  fd: number;
  watch: GuestWatch;
}

const test = suite<Context>('soak');

test.before.each(async (context) => {
  context.folder = await tempDir();
  const path = join(context.folder.path, 'memory');
  context.fd = openSync(path, 'w+');
  context.watch = new GuestWatch(path);
});

test.after.each(async ({ folder, fd, watch }) => {
  watch.close();
  closeSync(fd);
  await folder.remove();
});

function writePage({ fd }: Context, ticks: number, errors = 0): void {
  const page = Buffer.alloc(48);
  page.write('BATONTIC', 'latin1');
  page.writeBigUInt64LE(BigInt(Math.floor(ticks)), 8);
  page.writeBigUInt64LE(BigInt(errors), 40);
  writeSync(fd, page, 0, page.length, STATUS_OFFSET);
}

/** Ticks at a rate until there is a complaint, or for as long as it would take to see one. */
async function tick(context: Context, perMs: number): Promise<string[]> {
  const startedAtMs = performance.now();
  const { complaints } = context.watch;
  const isEnough = () => {
    const elapsedMs = performance.now() - startedAtMs;
    writePage(context, elapsedMs * perMs);
    return complaints.size > 0 || elapsedMs > 700;
  };
  await waitFor(isEnough, { what: 'enough ticks' });
  return [...complaints];
}

test('the same seed and round give the same plan, others another', () => {
  assert.equal(planRound(7, 3, 2), planRound(7, 3, 2));
  assert.not.equal(planRound(7, 3, 2), planRound(7, 4, 2));
  assert.not.equal(planRound(7, 3, 2), planRound(8, 3, 2));
});

test('every fault has its turn, and the daemon is ended at most once in a round', () => {
  const plans = Array.from({ length: 500 }, (_, round) => planRound(1, round, 2));
  const names = new Set(plans.flatMap(({ faults }) => faults.map(({ name }) => name)));
  assert.equal([...names].sort(), [...FAULTS].sort());
  const ends = plans.map(({ faults }) => faults.filter(({ name }) => name.endsWith('-daemon')).length);
  assert.is(Math.max(...ends), 1);
});

test('a guest that ticks once in a millisecond is well', async (context) => {
  assert.equal(await tick(context, 1), []);
});

test('one that ticks twice in a millisecond has two runners', async (context) => {
  assert.match((await tick(context, 2)).join(), /two runners/);
});

test('ticks that go back and a spoiled pattern are noticed', async (context) => {
  writePage(context, 100);
  assert.is(context.watch.sample(), 100);
  writePage(context, 90, 1);
  context.watch.sample();
  assert.equal([...context.watch.complaints].sort(), [
    'the count of ticks went back',
    'the guest found its memory changed',
  ]);
});

test.run();
