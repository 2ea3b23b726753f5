/**
 * A TCP stream through passt, to Debian in the guest, while one QEMU after the other takes it over. passt serves one
 * client: the target is turned away until the source has ended. In a network namespace of the test's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import { ECHO_PORT } from '../guests/linux/debian-guest.js';
import { skipSuite } from '../helpers/skip.js';
import { waitFor } from '../helpers/wait.js';
import { DebianMachine, debianMachineMissing } from './debian-machine.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';
import { QemuStage } from './qemu-stage.js';
import { TcpStream } from './tcp-stream.js';

interface Context {
  stage: QemuStage;
  passt: ChildProcess;
  socket: string;
}

const SUITE = 'passt through upgrades';
const PREFIX = '/24';
/** passt gives the guest the address of the host's. */
const ADDRESS = '192.0.2.10';
const ROUTER = '192.0.2.1';
const PORT = 7007;

const found = findInCache().passt();

function startPasst(socket: string): ChildProcess {
  if ('missing' in found) throw new Error(found.missing);
  const network = ['--ipv4-only', '--address', ADDRESS, '--netmask', '24', '--gateway', ROUTER];
  const args = ['--foreground', '--quiet', '--runas', '0', '--socket', socket, ...network];
  return spawn(found.path, [...args, '--tcp-ports', `${PORT}:${ECHO_PORT}`], { stdio: 'ignore' });
}

const test = suite<Context>(SUITE);

test.before(() => makeNetwork('outside', `${ADDRESS}${PREFIX}`, ROUTER));
test.before.each(async (context) => {
  context.stage = await QemuStage.open();
  context.socket = `${context.stage.directory}/passt.sock`;
  context.passt = startPasst(context.socket);
  await waitFor(() => existsSync(context.socket), { what: 'passt to listen' });
});
test.after.each(async ({ stage, passt }) => {
  await stage.close();
  if (passt.exitCode !== null || passt.signalCode !== null) return;
  const exit = once(passt, 'exit');
  passt.kill('SIGKILL');
  await exit;
});

test('it flows on from QEMU 10.0 over 11.1 by cpr-transfer and by cpr-exec', async ({ stage, socket }) => {
  const nics = [{ kind: 'stream', path: socket }];
  const machine = await DebianMachine.start(stage, {
    ...{ build: await stage.register('10.0', 'first'), ticks: false, hardware: { nics } },
    address: `${ADDRESS}${PREFIX}`,
  });
  const stream = await openStream();
  try {
    for (const mode of ['cpr-transfer', 'cpr-exec']) {
      const build = await stage.register('11.1', `next-${mode}`);
      const upgrade = await machine.upgrade({ build, mode });
      assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
      await stream.flowsOn();
    }
  } finally {
    stream.close();
  }
});

/** passt takes a connection before it knows whether the guest does, and then resets it. */
function openStream(): Promise<TcpStream> {
  const flowing = async () => {
    const stream = await TcpStream.open('127.0.0.1', PORT);
    return stream.flowsOn().then(
      () => stream,
      () => void stream.close(),
    );
  };
  return waitFor(flowing, { deadlineMs: 60_000, what: 'a stream through passt' });
}

const missing =
  (await ownNetworkMissing()) ??
  (await debianMachineMissing()) ??
  ('missing' in found ? found.missing : null);
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
