/**
 * A guest that prints without end and echoes what it is sent, and a session that types into it all the time, while
 * the VMM under it is replaced again and again, once in vain: nothing is lost and nothing comes twice, in either
 * direction. On baton-vmm, and on real QEMU where it is in the cache.
 */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { chatter } from '../../guests/chatter.js';
import { x86Chatter } from '../../guests/x86-chatter.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { ChatterLines } from '../chatter-lines.js';
import { ConsoleClient } from '../console-client.js';
import {
  createMachine,
  type Folders,
  makeFolders,
  perform,
  startApp,
  tearDown,
  upgradeEnd,
} from '../fixture.js';
import { makeQemuFolders, registerQemu, runOnQemu } from '../qemu-fixture.js';

interface Context {
  folders: Folders;
  app: App;
  client: ConsoleClient;
  atMoment: (moment: string) => void;
  stopTyping?: () => string;
}

const TYPE_MS = 2;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

const cache = findInCache();

function binary(version: QemuVersion, target: QemuTarget): string {
  const found = cache.qemu(version, target);
  return 'missing' in found ? '' : (found.argvPrefix[0] ?? '');
}

async function start(context: Context, folders: Folders, ownBuild: boolean): Promise<void> {
  context.folders = folders;
  context.atMoment = () => undefined;
  context.app = await startApp(folders, {
    journalObserver: (moment) => context.atMoment(moment),
    ...(ownBuild ? {} : { ownBuild: null }),
  });
  await context.app.server.listen({ path: `${folders.path}/api.sock` });
}

async function attach(context: Context, id: string): Promise<void> {
  context.client = await ConsoleClient.connect(`${context.folders.path}/api.sock`, id, '?tail=100000000');
}

/** Types letters until it is stopped; returns what was typed. */
function keepTyping(client: ConsoleClient): () => string {
  let typed = '';
  const timer = setInterval(() => {
    const letter = LETTERS[typed.length % LETTERS.length] as string;
    typed += letter;
    client.type(letter);
  }, TYPE_MS);
  return () => {
    clearInterval(timer);
    return typed;
  };
}

function killTarget({ app }: Context, id: string): void {
  const [, target] = app.services.store.instances.ofMachine(id).filter(({ state }) => state === 'alive');
  process.kill(target?.process?.pid ?? 0, 'SIGKILL');
}

async function upgradeAgainAndAgain(
  context: Context,
  id: string,
  builds: readonly (string | null)[],
): Promise<void> {
  const { app, client } = context;
  const lines = new ChatterLines();
  await waitFor(() => client.text.includes('\n1000\n'), { deadlineMs: 30_000, what: 'the guest to print' });
  const text = client.take();
  lines.feed(text.slice(text.indexOf('1\n2\n3\n')));
  const stopTyping = keepTyping(client);
  context.stopTyping = stopTyping;
  for (const [round, build] of builds.entries()) {
    const mayNot = round === 2;
    context.atMoment = (moment) => {
      if (mayNot && moment === 'begun:verify') killTarget(context, id);
    };
    const before = lines.last;
    const upgrade = await upgradeEnd(app, id, build === null ? {} : { build });
    assert.is(upgrade.state, mayNot ? 'rolled-back' : 'succeeded', JSON.stringify(upgrade.reason));
    const goesOn = () => {
      lines.feed(client.take());
      return lines.last > before + 1_000;
    };
    await waitFor(goesOn, { deadlineMs: 20_000, what: `the guest to print after upgrade ${round}` });
    assert.is(lines.broken, null, `in round ${round}`);
  }
  const typed = stopTyping();
  const allEchoed = () => {
    lines.feed(client.take());
    return lines.echoes.length >= typed.length;
  };
  await waitFor(allEchoed, { deadlineMs: 20_000, what: `${typed.length} echoes` });
  assert.is(lines.broken, null);
  assert.is(lines.echoes, typed);
  assert.is(client.generation, builds.length + 1);
  assert.ok(typed.length > 50, `${typed.length} bytes were typed`);
}

const test = suite<Context>('console through upgrades');

test.after.each(async ({ folders, app, client, stopTyping }) => {
  stopTyping?.();
  client?.close();
  await tearDown(folders, app);
});

test('baton-vmm: five upgrades, one of them in vain', async (context) => {
  const folders = await makeFolders();
  writeFileSync(folders.kernel, chatter().bytes);
  await start(context, folders, true);
  const id = await createMachine(context.app, folders);
  await perform(context.app, `/v1/machines/${id}/start`);
  await attach(context, id);
  await upgradeAgainAndAgain(context, id, [null, null, null, null, null]);
});

for (const [target, guest, from, to] of [
  ['x86_64', x86Chatter(), '10.0', '11.1'],
  ['riscv64', chatter().bytes, '11.1', '11.1'],
] as const) {
  const missing = [cache.qemu(from, target), cache.qemu(to, target)].find((found) => 'missing' in found);
  if (missing !== undefined && 'missing' in missing) {
    skipSuite(`console through upgrades of ${target} QEMU`, missing.missing);
    continue;
  }
  test(`QEMU ${target} ${from} to ${to}: five upgrades, one of them in vain`, async (context) => {
    const folders = await makeQemuFolders(target);
    writeFileSync(folders.kernel, guest);
    await start(context, folders, false);
    const source = await registerQemu(context.app, folders, 'source', binary(from, target));
    const one = await registerQemu(context.app, folders, 'one', binary(to, target));
    const two = await registerQemu(context.app, folders, 'two', binary(to, target));
    const id = await runOnQemu(context.app, folders, source);
    await attach(context, id);
    await upgradeAgainAndAgain(context, id, [one, two, one, one, two]);
  });
}

test.run();
