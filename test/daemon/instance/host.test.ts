import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { waitFor } from '../../helpers/wait.js';

const MARK = `mark-${process.pid}`;

interface Context {
  host: LinuxProcesses;
  child: ChildProcess;
  pid: number;
}

const test = suite<Context>('processes of the host');

test.before.each((context) => {
  context.host = new LinuxProcesses();
  context.child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', `x) ${MARK} (y`], {
    stdio: 'ignore',
  });
  context.pid = context.child.pid ?? 0;
});

test.after.each(({ child }) => {
  child.kill('SIGKILL');
});

function identityOf({ host, pid }: Context) {
  const identity = host.identify(pid);
  if (identity === null) throw new Error('expected the child to be there');
  return identity;
}

test('a process is known by pid, start time and boot', (context) => {
  const identity = identityOf(context);
  assert.is(context.host.isAlive(identity), true);
  assert.is(context.host.isAlive({ ...identity, startTicks: identity.startTicks - 1 }), false);
  assert.is(context.host.isAlive({ ...identity, bootId: 'another' }), false);
  assert.ok(identity.startTicks > 0);
});

test('when kill resolves the process has ended', async (context) => {
  const identity = identityOf(context);
  await context.host.kill(identity, 5_000);
  assert.is(context.host.isAlive(identity), false);
  await context.host.kill(identity, 5_000);
});

test('a stopped process is killed too', async (context) => {
  const identity = identityOf(context);
  process.kill(context.pid, 'SIGSTOP');
  await context.host.kill(identity, 5_000);
  assert.is(context.host.isAlive(identity), false);
});

test('a frozen process stands still until it is thawed', async (context) => {
  const identity = identityOf(context);
  const state = () => readFileSync(`/proc/${context.pid}/stat`, 'latin1').split(') ').at(-1)?.[0];
  assert.is(await context.host.freeze(identity, 5_000), true);
  assert.is(state(), 'T');
  await context.host.thaw(identity);
  await waitFor(() => state() !== 'T', { what: 'the child to go on' });
  await context.host.kill(identity, 5_000);
  assert.is(await context.host.freeze(identity, 1_000), false);
  await context.host.thaw(identity);
});

test('a pid that was given to another process is not killed', async (context) => {
  const identity = identityOf(context);
  await context.host.kill({ ...identity, startTicks: identity.startTicks + 1 }, 1_000);
  assert.is(context.host.isAlive(identity), true);
});

test('waiting for the end says whether it came', async (context) => {
  const identity = identityOf(context);
  assert.is(await context.host.waitForEnd(identity, 60), false);
  setTimeout(() => context.child.kill('SIGTERM'), 20);
  assert.is(await context.host.waitForEnd(identity, 5_000), true);
});

test('processes are found by what an argument of theirs begins with, not by what it mentions', async (context) => {
  const found = await waitFor(
    () => context.host.findByArgument(`x) ${MARK}`).find(({ pid }) => pid === context.pid),
    {
      what: 'the child to be found',
    },
  );
  assert.equal(found, identityOf(context));
  assert.equal(context.host.findByArgument(`none-${MARK}-none`), []);
  assert.equal(context.host.findByArgument(MARK), []);
});

test.run();
