/** Real taps in a network namespace of the test's own, and real processes that hold them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nic } from '../../../daemon/hardware.js';
import { LinuxProcesses } from '../../../daemon/instance/host.js';
import { takeTaps } from '../../../daemon/instance/taps.js';
import type { ProcessIdentity } from '../../../daemon/instance.js';
import * as native from '../../../native/index.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing } from '../../e2e/own-network.js';
import { skipSuite } from '../../helpers/skip.js';
import { procField } from '../../native/observe.js';

const SUITE = 'taps of a machine';
const host = new LinuxProcesses();
const NICS: readonly Nic[] = [
  { kind: 'tap', mac: null, interface: 'tap1' },
  { kind: 'user', mac: null },
  { kind: 'tap', mac: null, interface: 'tap0' },
];
const only = (name: string) => ({ nics: [{ kind: 'tap', mac: null, interface: name }] as const });

const test = suite<{ child: ChildProcess | null }>(SUITE);

test.before(async () => {
  await makeTap('tap0', '192.0.2.1/24');
  await makeTap('tap1', '198.51.100.1/24');
});
test.before.each((context) => {
  context.child = null;
});
test.after.each(async ({ child }) => {
  if (child === null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
});

const interfacesOf = (fds: readonly number[]) => fds.map((fd) => procField(`self/fdinfo/${fd}`, 'iff'));
const close = (fds: readonly number[]) => fds.forEach(native.closeFd);
const ownFds = () => readdirSync('/proc/self/fd').length;

async function holderOf(fds: readonly number[]): Promise<{ child: ChildProcess; identity: ProcessIdentity }> {
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', ...fds] });
  await once(child, 'spawn');
  const identity = host.identify(child.pid ?? 0);
  if (identity === null) throw new Error('expected the child to be there');
  return { child, identity };
}

test('they are opened in the order of the cards', async () => {
  const fds = await takeTaps({ nics: NICS }, [], host);
  assert.equal(interfacesOf(fds), ['tap1', 'tap0']);
  close(fds);
});

test('they are copied out of the process of the machine that has them', async (context) => {
  const opened = await takeTaps({ nics: NICS }, [], host);
  const { child, identity } = await holderOf(opened);
  context.child = child;
  close(opened);

  const copies = await takeTaps({ nics: NICS }, [identity], host);

  assert.equal(interfacesOf(copies), ['tap1', 'tap0']);
  close(copies);
  child.kill('SIGKILL');
  await once(child, 'exit');
  context.child = null;
  close(await takeTaps({ nics: NICS }, [identity], host));
});

test('one that a stranger has is busy, and nothing of the others stays open', async (context) => {
  const opened = await takeTaps(only('tap0'), [], host);
  context.child = (await holderOf(opened)).child;
  close(opened);
  const before = ownFds();
  const words = await takeTaps({ nics: NICS }, [], host).then(String, (error) => error.message);
  assert.match(words, /expected interface tap0 to be free, but another process has it/);
  assert.is(ownFds(), before);
});

test('one that is absent, or no tap, is refused with what to do', async () => {
  const words = (name: string) => takeTaps(only(name), [], host).then(String, (error) => error.message);
  assert.match(
    await words('tap9'),
    /expected interface tap9, but there is none: make it with `ip tuntap add/,
  );
  assert.match(await words('lo'), /expected interface lo to be a tap of one queue/);
});

const missing = await ownNetworkMissing();
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
