/**
 * Disks over hand-overs: who holds the locks of an image, at every moment. In the live modes exactly one guest, with no
 * gap; in the others the source until its stream is complete, and the target from when it takes over.
 */
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ImageInUseError, lockImage, unlockImage, useOfDevice } from '../../vmm/block/image-lock.js';
import type { StatusInfo } from '../../vmm/qmp/protocol.js';
import { waitFor } from '../helpers/wait.js';
import { diskArgs, locksOn, makeImage } from './disk-host.js';
import { QmpClient } from './qmp-client.js';
import { channelsTo, prepareSource, ticksOn, VmmHost, type VmmProcess } from './vmm-process.js';

/** What a VMM that writes its image holds. */
const HELD = ['READ 100 101', 'READ 201 201'];

let host: VmmHost;
let image: string;
let vmm: VmmProcess;
let monitor: QmpClient;

const test = suite('disks over hand-overs');

test.before.each(async () => {
  host = await VmmHost.create();
  image = makeImage(join(host.path, 'disk.img'));
  vmm = await host.launch({ extra: diskArgs(image) });
  monitor = await vmm.monitor();
  await ticksOn(vmm);
});

test.after.each(async () => {
  await monitor.close();
  await host.remove();
});

/** Another program that tries to get the image, again and again, until it is told to end. */
class Contender {
  readonly #fd: number;
  #timer: NodeJS.Immediate | null = null;
  attempts = 0;
  successes = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r+');
    this.#again();
  }

  /** Whether it would get the image now. */
  try(): boolean {
    try {
      lockImage(this.#fd, image, useOfDevice(false, false));
      return true;
    } catch (error) {
      if (!(error instanceof ImageInUseError)) throw error;
      return false;
    } finally {
      unlockImage(this.#fd);
    }
  }

  end(): void {
    if (this.#timer !== null) clearImmediate(this.#timer);
    closeSync(this.#fd);
  }

  #again(): void {
    this.#timer = setImmediate(() => {
      this.attempts++;
      if (this.try()) this.successes++;
      this.#again();
    });
  }
}

async function transfer(): Promise<void> {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix', extra: diskArgs(image) });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  const there = await target.monitor();
  await there.event('RESUME');
  await monitor.event('MIGRATION', 'completed');
  await monitor.execute('quit');
  assert.is(await vmm.exitCode(), 0);
  await monitor.close();
  vmm = target;
  monitor = there;
}

async function execute(): Promise<void> {
  const state = `${host.path}/state`;
  const own = readFileSync(`/proc/${vmm.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const kept = own.filter((word, at) => word !== '-incoming' && own[at - 1] !== '-incoming');
  await monitor.execute('migrate-set-parameters', {
    mode: 'cpr-exec',
    'cpr-exec-command': [...kept, '-incoming', `file:${state}`],
  });
  await monitor.execute('migrate', { uri: `file:${state}` });
  await waitFor(() => monitor.isClosed, { what: 'the end of the old program' });
  for (;;) {
    const next = await QmpClient.open(vmm.path('qmp'));
    const greeting = await waitFor(() => next.greeting ?? next.isClosed, {
      what: 'a greeting, or a refusal',
    });
    if (greeting === true) continue;
    await next.execute('qmp_capabilities');
    monitor = next;
    return;
  }
}

test('in 20 live hand-overs of both kinds nobody else ever gets the image', async () => {
  const contender = new Contender(image);
  try {
    for (let round = 0; round < 20; round++) {
      if (round % 2 === 0) await transfer();
      else await execute();
      await ticksOn(vmm, 20);
      assert.equal(locksOn(image), HELD, `after round ${round}`);
    }
    assert.is(contender.successes, 0, `of ${contender.attempts}`);
    assert.ok(contender.attempts > 1000, `only ${contender.attempts} attempts`);
    await vmm.kill();
    await waitFor(() => contender.try(), { what: 'the locks to end with the last process' });
  } finally {
    contender.end();
  }
});

test('a target that ends, by itself or not, before it has the guest takes no lock away', async () => {
  const contender = new Contender(image);
  try {
    await prepareSource(monitor);
    for (const how of ['cancel', 'SIGKILL', 'quit'] as const) {
      monitor.forgetEvents();
      const target = await host.launch({ incoming: 'defer', extra: diskArgs(image) });
      await target.listening();
      // Without a main channel the source has sent descriptors and waits.
      const { channels } = channelsTo(target) as { channels: { 'channel-type': string }[] };
      const cpr = channels.filter((channel) => channel['channel-type'] === 'cpr');
      const address = {
        'channel-type': 'main',
        addr: { transport: 'socket', type: 'unix', path: target.path('main') },
      };
      await monitor.execute('migrate', { channels: [address, ...cpr] });
      const there = await target.monitor();
      await there.execute('query-status');
      assert.equal(locksOn(image), HELD);
      if (how === 'SIGKILL') await target.kill();
      else {
        if (how === 'cancel') await monitor.execute('migrate_cancel');
        await there.execute('quit');
        await target.exitCode();
      }
      await waitFor(() => monitor.findEvent('MIGRATION', how === 'cancel' ? 'cancelled' : 'failed'), {
        what: `the end of the migration (${how}): ${monitor.story()}`,
      });
      await there.close();
      assert.equal(locksOn(image), HELD, `after ${how}`);
      await ticksOn(vmm, 20);
    }
    await transfer();
    await ticksOn(vmm, 20);
    assert.is(contender.successes, 0);
  } finally {
    contender.end();
  }
});

test('a source that is killed, or ends, when the target has the guest takes no lock away', async () => {
  for (const how of ['SIGKILL', 'quit'] as const) {
    await prepareSource(monitor);
    const target = await host.launch({ incoming: 'unix', extra: diskArgs(image) });
    await target.listening();
    await monitor.execute('migrate', channelsTo(target));
    const there = await target.monitor();
    await there.event('RESUME');
    if (how === 'SIGKILL') await vmm.kill();
    else {
      await monitor.event('MIGRATION', 'completed');
      await monitor.execute('quit');
      await vmm.exitCode();
    }
    await monitor.close();
    vmm = target;
    monitor = there;
    assert.equal(locksOn(image), HELD, how);
    await ticksOn(vmm, 20);
  }
});

test('an image gets another size while the guest runs, and after a hand-over', async () => {
  const size = async () => {
    const [block] =
      await monitor.execute<readonly { inserted: { image: { 'virtual-size': number } } }[]>('query-block');
    return block?.inserted.image['virtual-size'];
  };
  await monitor.execute('block_resize', { 'node-name': 'n0', size: 2 ** 21 });
  assert.is(await size(), 2 ** 21);
  await transfer();
  assert.is(await size(), 2 ** 21);
  assert.match(await monitor.refusal('block_resize', { 'node-name': 'n9', size: 1 }), /nor node-name='n9'/);
});

test('the guest keeps its image when another file has taken its name', async () => {
  renameSync(image, `${image}.old`);
  makeImage(image);
  await transfer();
  assert.equal(locksOn(`${image}.old`), HELD);
  assert.equal(locksOn(image), []);
});

test('the source may take the guest back, image and all', async () => {
  await prepareSource(monitor);
  const target = await host.launch({ incoming: 'unix', stopped: true, extra: diskArgs(image) });
  await target.listening();
  await monitor.execute('migrate', channelsTo(target));
  await monitor.event('MIGRATION', 'completed');
  await target.kill();
  assert.equal(locksOn(image), HELD);
  await monitor.execute('cont');
  assert.equal(locksOn(image), HELD);
  await ticksOn(vmm, 20);
});

test('cpr-reboot: the source gives the image up, and gets it back unless somebody else has it', async () => {
  const state = `${host.path}/state`;
  await monitor.execute('migrate-set-parameters', { mode: 'cpr-reboot' });
  await monitor.execute('migrate', { uri: `file:${state}` });
  await monitor.event('MIGRATION', 'completed');
  assert.equal(locksOn(image), []);

  const target = await host.launch({ stopped: true, extra: [...diskArgs(image), '-incoming', 'defer'] });
  const there = await target.monitor();
  await there.execute('migrate-incoming', { uri: `file:${state}` });
  await there.event('MIGRATION', 'completed');
  assert.equal(await there.execute<StatusInfo>('query-status'), { status: 'paused', running: false });
  assert.equal(locksOn(image), [], 'with -S the target has not taken over yet');
  const { active } = await insertedOf(there);
  assert.is(active, false);

  await there.execute('cont');
  assert.equal(locksOn(image), HELD);
  assert.is((await insertedOf(there)).active, true);
  assert.match(await monitor.refusal('cont'), 'Failed to get "write" lock');
  assert.is((await monitor.execute<StatusInfo>('query-status')).status, 'postmigrate');
  await target.kill();
  await there.close();
  await monitor.execute('cont');
  assert.equal(locksOn(image), HELD);
  await ticksOn(vmm, 20);
});

async function insertedOf(client: QmpClient): Promise<{ active: boolean }> {
  const [block] = await client.execute<readonly { inserted: { active: boolean } }[]>('query-block');
  if (block === undefined) throw new Error('expected a disk in query-block');
  return block.inserted;
}

test('normal migration: a target that cannot have the image leaves the guest to its source', async () => {
  const other = makeImage(join(host.path, 'other.img'));
  const holder = await host.launch({ stopped: true, extra: diskArgs(other) });
  await (await holder.monitor()).close();
  const main = `${host.path}/main`;
  const target = await host.launch({ extra: [...diskArgs(other), '-incoming', `unix:${main}`] });
  const there = await target.monitor();
  await monitor.execute('migrate-set-capabilities', {
    capabilities: [{ capability: 'return-path', state: true }],
  });
  await monitor.execute('migrate', { uri: `unix:${main}` });
  await monitor.event('MIGRATION', 'failed');
  assert.is(await target.exitCode(), 1);
  assert.match(target.stderr, 'Failed to get "write" lock');
  await there.close();
  assert.equal(locksOn(image), HELD);
  await ticksOn(vmm, 20);
});

test('normal migration: the target has the image when it runs', async () => {
  const main = `${host.path}/main`;
  const target = await host.launch({ extra: [...diskArgs(image), '-incoming', `unix:${main}`] });
  const there = await target.monitor();
  assert.equal(locksOn(image), HELD);
  await monitor.execute('migrate', { uri: `unix:${main}` });
  await there.event('RESUME');
  assert.equal(locksOn(image), HELD);
  await monitor.event('MIGRATION', 'completed');
  await vmm.kill();
  assert.equal(locksOn(image), HELD);
  await ticksOn(target, 20);
  await there.close();
});

test.run();
