/** Descriptors that come over the monitor's socket, or from whoever started the VMM, and what takes them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptUnix, closeFd, connectUnix, listenUnix } from '../../../native/index.js';
import type { StatusInfo } from '../../../vmm/qmp/protocol.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { waitFor } from '../../helpers/wait.js';
import { lastTick, ticksOn, VmmHost, type VmmProcess } from '../vmm-process.js';
import { RawClient } from './raw-client.js';

const PRIVATE_RAM = ['-m', '64M'];
const qemu = findInCache().qemu('11.1', 'riscv64');

interface Context {
  host: VmmHost;
  /** Ours, to be closed at the end. */
  fds: number[];
  clients: RawClient[];
  children: ChildProcess[];
}

const test = suite<Context>('descriptors over the monitor');

test.before.each(async (context) => {
  context.host = await VmmHost.create();
  Object.assign(context, { fds: [], clients: [], children: [] });
});

test.after.each(async ({ host, fds, clients, children }) => {
  for (const client of clients) client.close();
  for (const fd of fds) closeSync(fd);
  for (const child of children) {
    child.kill('SIGKILL');
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, { what: 'the end' });
  }
  await host.remove();
});

async function connect({ clients }: Context, vmm: Pick<VmmProcess, 'path'>): Promise<RawClient> {
  const client = await RawClient.ready(vmm.path('qmp'));
  clients.push(client);
  return client;
}

function open({ fds }: Context, path: string, flags: string): number {
  const fd = openSync(path, flags);
  fds.push(fd);
  return fd;
}

/** Both ends of a connection. */
function pair({ host, fds }: Context): [number, number] {
  const listener = listenUnix(`${host.path}/pair`, 1);
  const near = connectUnix(`${host.path}/pair`);
  const far = acceptUnix(listener) ?? -1;
  closeFd(listener);
  fds.push(near, far);
  return [near, far];
}

const devices = (context: Context) => ({
  both: open(context, '/dev/null', 'r+'),
  read: open(context, '/dev/null', 'r'),
  write: open(context, '/dev/null', 'w'),
});

/** Every answer of one session about names and sets. */
async function session(client: RawClient, context: Context): Promise<unknown[]> {
  const { both, read, write } = devices(context);
  const answers: unknown[] = [];
  const ask = async (execute: string, args: object = {}, fds: readonly number[] = []) => {
    answers.push([execute, args, fds.length, await client.ask(execute, args, fds)]);
  };
  await ask('getfd', { fdname: '1a' }, [both]);
  await ask('getfd', { fdname: '' }, [both]);
  await ask('getfd', { fdname: 'x' }, [both]);
  await ask('getfd', { fdname: 'x' }, [read, both, write]);
  await ask('getfd', { fdname: 'y' });
  client.send(' ', [both]);
  await ask('query-status');
  await ask('getfd', { fdname: 'sent-before' });
  await ask('closefd', { fdname: 'x' });
  await ask('closefd', { fdname: 'x' });
  await ask('add-fd', {}, [both]);
  await ask('add-fd', { opaque: 'words' }, [read]);
  await ask('add-fd', { 'fdset-id': 5, opaque: 'more words' }, [both]);
  await ask('add-fd', { 'fdset-id': 5 }, [read]);
  await ask('add-fd', { 'fdset-id': -1 }, [read]);
  await ask('add-fd');
  await ask('query-fdsets');
  await ask('remove-fd', { 'fdset-id': 0 });
  await ask('remove-fd', { 'fdset-id': 0 });
  await ask('remove-fd', { 'fdset-id': 5, fd: 9999 });
  await ask('add-fd', {}, [write]);
  await ask('query-fdsets');
  await ask('human-monitor-command', { 'command-line': 'getfd x' }, [both]);
  await ask('human-monitor-command', { 'command-line': 'closefd x' });
  await ask('migrate', { uri: 'fd:sent-before' });
  await ask('migrate', { uri: 'file:/dev/fdset/5' });
  await ask('migrate', { uri: 'file:/dev/fdset/77' });
  await ask('migrate', { uri: 'file:/dev/fdset/x' });
  await ask('getfd', { fdname: 'kept' }, [both]);
  return answers;
}

/** Numbers of descriptors are each program's own. */
const withoutNumbers = (answers: unknown) =>
  JSON.parse(JSON.stringify(answers), (key, value) =>
    key === 'fd' && typeof value === 'number' && value < 9999 ? 'N' : value,
  );

test('names and sets: what is answered is what QEMU answers', async (context) => {
  const vmm = await context.host.launch({ stopped: true });
  const ours = withoutNumbers(await session(await connect(context, vmm), context));
  assert.is(ours.length, 28);
  if ('missing' in qemu) return;
  const path = `${context.host.path}/qemu`;
  const [program = '', ...rest] = qemu.argvPrefix;
  const args = [
    '-machine',
    'virt',
    '-S',
    '-nodefaults',
    '-display',
    'none',
    '-qmp',
    `unix:${path},server=on,wait=off`,
  ];
  context.children.push(spawn(program, [...rest, ...args], { stdio: 'ignore' }));
  const theirs = withoutNumbers(await session(await connect(context, { path: () => path }), context));
  assert.equal(ours, theirs);
});

test('a name outlives the connection, not its use', async (context) => {
  const vmm = await context.host.launch();
  const first = await connect(context, vmm);
  await first.execute('getfd', { fdname: 'kept' }, [devices(context).both]);
  first.close();
  const second = await connect(context, vmm);
  await second.execute('closefd', { fdname: 'kept' });
  assert.match(await second.refusal('closefd', { fdname: 'kept' }), /named 'kept' not found/);
});

test('a guest goes through a connection whose ends are sent to both VMMs', async (context) => {
  const source = await context.host.launch({ memoryArgs: PRIVATE_RAM });
  const target = await context.host.launch({ memoryArgs: PRIVATE_RAM, extra: ['-incoming', 'defer'] });
  await ticksOn(source);
  const [here, there] = [await connect(context, source), await connect(context, target)];
  const [near, far] = pair(context);
  await there.execute('getfd', { fdname: 'in' }, [far]);
  await there.execute('migrate-incoming', { uri: 'fd:in' });
  await here.execute('getfd', { fdname: 'out' }, [near]);
  await here.execute('migrate', { uri: 'fd:out' });
  for (const fd of context.fds.splice(0)) closeSync(fd);
  await waitFor(async () => (await there.execute<StatusInfo>('query-status')).running, {
    what: 'the target to run',
  });
  await ticksOn(target);
  assert.match(await here.refusal('closefd', { fdname: 'out' }), /not found/);
});

test('a state goes into one set and comes out of another, the reader’s from the command line', async (context) => {
  const state = `${context.host.path}/state`;
  const source = await context.host.launch({ memoryArgs: PRIVATE_RAM });
  const { ticks } = await ticksOn(source);
  const client = await connect(context, source);
  await client.execute('add-fd', { 'fdset-id': 7 }, [open(context, state, 'w')]);
  await client.execute('migrate', { uri: 'file:/dev/fdset/7' });
  await waitFor(async () => (await client.execute<StatusInfo>('query-status')).status === 'postmigrate', {
    what: 'the state to be written',
  });
  assert.ok(statSync(state).size > 100_000);
  const target = await context.host.launch({
    memoryArgs: PRIVATE_RAM,
    extra: ['-add-fd', 'fd=3,set=2,opaque=a state', '-incoming', 'file:/dev/fdset/2'],
    descriptors: [open(context, state, 'r')],
  });
  await ticksOn(target);
  assert.ok((lastTick(target.console())?.ticks ?? 0) > ticks);
  const sets = await (await connect(context, target)).execute<{ fds: { opaque?: string }[] }[]>(
    'query-fdsets',
  );
  assert.is(sets[0]?.fds[0]?.opaque, 'a state');
});

test('memory, console and log are opened by the paths of sets', async (context) => {
  const path = (name: string) => `${context.host.path}/${name}`;
  const ram = open(context, path('ram'), 'w+');
  const [serial, log] = [open(context, path('serial'), 'w'), open(context, path('log'), 'w')];
  const vmm = await context.host.launch({
    memoryArgs: [
      ...['-add-fd', 'fd=3,set=0', '-add-fd', 'fd=4,set=1', '-add-fd', 'fd=5,set=2'],
      ...['-object', 'memory-backend-file,id=ram0,size=64M,share=on,mem-path=/dev/fdset/0'],
      ...['-m', '64M', '-machine', 'virt,memory-backend=ram0'],
      ...['-chardev', 'file,id=other,path=/dev/fdset/1,logfile=/dev/fdset/2', '-serial', 'chardev:other'],
    ],
    descriptors: [ram, serial, log],
    isConsoleElsewhere: true,
  });
  await connect(context, vmm);
  await waitFor(() => lastTick(readFileSync(path('serial'), 'latin1').split('\n')), {
    what: 'the guest on its console',
  });
  assert.ok(lastTick(readFileSync(path('log'), 'latin1').split('\n')));
  assert.is(statSync(path('ram')).size, 64 * 2 ** 20);
  assert.ok(readFileSync(path('ram')).includes('ticker: '));
});

for (const thread of ['single', 'multi']) {
  test(`thread=${thread}: a disk is opened by the path of a set, for reading only when that is all that it is for`, async (context) => {
    const image = `${context.host.path}/image`;
    writeFileSync(image, Buffer.alloc(1 << 20));
    const node = 'driver=file,node-name=disk,filename=/dev/fdset/9';
    const disk = [
      '-accel',
      `tcg,thread=${thread}`,
      '-add-fd',
      'fd=3,set=9',
      '-device',
      'virtio-blk-device,drive=disk',
    ];
    const read = [open(context, image, 'r')];
    const both = openSync(image, 'r+');
    const writable = await context.host.launch({ extra: [...disk, '-blockdev', node], descriptors: [both] });
    // The lock of the image is the open file's, which is ours too.
    closeSync(both);
    await ticksOn(writable);
    await writable.kill();
    const wrong = await context.host.launch({ extra: [...disk, '-blockdev', node], descriptors: read });
    assert.is(await wrong.exitCode(), 1);
    assert.match(wrong.stderr, /Failed to find file descriptor with matching flags/);
    const readOnly = await context.host.launch({
      extra: [...disk, '-blockdev', `${node},read-only=on`],
      descriptors: read,
    });
    await ticksOn(readOnly);
  });
}

test('-add-fd: what is not there, is this program’s own or is stdio is refused by name', async (context) => {
  const cases: [string, RegExp][] = [
    ['fd=500,set=1', /-add-fd: descriptor 500 is not open/],
    ['fd=1,set=1', /-add-fd: descriptor 1 cannot be a standard I\/O stream/],
    ['set=1', /-add-fd: parameter 'fd' is missing/],
    ['fd=3', /-add-fd: parameter 'set' is missing/],
    ['fd=3,set=-1', /-add-fd: parameter 'set' expects/],
  ];
  for (const [text, words] of cases) {
    const vmm = await context.host.launch({ extra: ['-add-fd', text] });
    assert.is(await vmm.exitCode(), 1);
    assert.match(vmm.stderr, words);
  }
});

test('commands that are sent together keep their own descriptors', async (context) => {
  const vmm = await context.host.launch();
  const client = await connect(context, vmm);
  const { both, read } = devices(context);
  client.sendCommand('query-status');
  client.sendCommand('getfd', { fdname: 'a' }, [both]);
  client.sendCommand('query-status');
  client.sendCommand('getfd', { fdname: 'b' }, [read]);
  client.sendCommand('getfd', { fdname: 'c' });
  const replies = [];
  for (let count = 0; count < 5; count++) replies.push('return' in (await client.reply()));
  assert.equal(replies, [true, true, true, true, false]);
  for (const fdname of ['a', 'b']) await client.execute('closefd', { fdname });
});

test('what no command takes is closed: sent along, in crowds, with rubbish, and by one who leaves', async (context) => {
  const vmm = await context.host.launch();
  let client = await connect(context, vmm);
  await client.execute('query-status');
  const before = vmm.openFiles();
  const { both } = devices(context);
  const crowd = Array<number>(200).fill(both);
  for (let count = 0; count < 50; count++) await client.execute('query-status', {}, crowd);
  for (let count = 0; count < 50; count++) {
    client.send('rubbish\n', crowd);
    await client.reply();
  }
  await client.execute('getfd', { fdname: 'one' }, crowd);
  await client.execute('closefd', { fdname: 'one' });
  await waitFor(() => vmm.openFiles() <= before, { what: `no more than ${before} descriptors` });
  client.send('{"execute": "query-st', crowd);
  client.close();
  client = await connect(context, vmm);
  await client.execute('query-status');
  await waitFor(() => vmm.openFiles() <= before, { what: `no more than ${before} descriptors` });
});

test('names and sets have bounds, and what is beyond them is closed', async (context) => {
  const vmm = await context.host.launch();
  const client = await connect(context, vmm);
  const { both } = devices(context);
  for (let count = 0; count < 256; count++) {
    await client.execute('getfd', { fdname: `n${count}` }, [both]);
    await client.execute('add-fd', { 'fdset-id': 1 }, [both]);
  }
  const before = vmm.openFiles();
  assert.match(await client.refusal('getfd', { fdname: 'more' }, [both]), /at most 256/);
  assert.match(await client.refusal('add-fd', { 'fdset-id': 1 }, [both]), /at most 256/);
  await client.execute('getfd', { fdname: 'n0' }, [both]);
  assert.is(vmm.openFiles(), before);
  await ticksOn(vmm);
});

if ('missing' in qemu) skipSuite('descriptors over the monitor, beside QEMU', qemu.missing);
test.run();
