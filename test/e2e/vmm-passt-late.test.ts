/**
 * A TCP stream through passt to Linux in the guest, while one baton-vmm after the other takes it over and the
 * connection goes in the main channel (parameter `local`). passt serves one client and ends with it, so it has seen
 * one. In a network namespace of the test's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findInCache } from '../fetch/cache.js';
import { networkGuestMissing } from '../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { type LocalMode, NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'passt through the main channel';
/** passt gives the guest the address of the host's. */
const ADDRESS = '192.0.2.10';
const ROUTER = '192.0.2.1';
const PORT = 7007;
const ROUNDS = 12;
const FLOW_DEADLINE_MS = 60_000;

interface Context {
  directory: TempDir;
  passt: ChildProcess;
  guest: NetworkVmm;
  stream: TcpStream;
}

const found = findInCache().passt();

function startPasst(socket: string): ChildProcess {
  if ('missing' in found) throw new Error(found.missing);
  const network = ['--ipv4-only', '--address', ADDRESS, '--netmask', '24', '--gateway', ROUTER];
  const args = ['--foreground', '--quiet', '--one-off', '--runas', '0', '--socket', socket, ...network];
  return spawn(found.path, [...args, '--tcp-ports', `${PORT}:${SERVER_PORTS.echo}`], { stdio: 'ignore' });
}

const test = suite<Context>(SUITE);

test.before(() => makeNetwork('outside', `${ADDRESS}/24`, ROUTER));
test.before.each(async (context) => {
  context.directory = await tempDir();
  const socket = `${context.directory.path}/passt.sock`;
  context.passt = startPasst(socket);
  await waitFor(() => existsSync(socket), { what: 'passt to listen' });
  const netdev = `stream,id=net0,server=off,addr.type=unix,addr.path=${socket}`;
  context.guest = await NetworkVmm.boot({ address: ADDRESS, router: ROUTER, netdev });
  context.stream = await openStream();
});
test.after.each(async ({ directory, passt, guest, stream }) => {
  stream?.close();
  await guest?.close();
  if (passt.exitCode === null && passt.signalCode === null) {
    const exit = once(passt, 'exit');
    passt.kill('SIGKILL');
    await exit;
  }
  await directory.remove();
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

test(`it flows on through ${ROUNDS} in which the connection goes early and late in turn`, async ({
  passt,
  guest,
  stream,
}) => {
  const ways: readonly (LocalMode | null)[] = ['normal', null, 'cpr-transfer'];
  for (let round = 0; round < ROUNDS; round++) {
    const way = ways[round % ways.length] ?? null;
    if (way === null) await guest.transfer();
    else await guest.transferLocal(way);
    await stream.flowsOn(FLOW_DEADLINE_MS);
    assert.is(passt.exitCode, null, 'passt has lost its client');
  }
});

test('it flows on in the source when a target to which it went late dies before it runs the guest', async ({
  passt,
  guest,
  stream,
}) => {
  for (const mode of ['normal', 'cpr-transfer'] as const) {
    const target = await guest.migrateLocal(mode, { stopped: true });
    await guest.monitor.event('MIGRATION', 'completed');
    await target.kill();
    await guest.monitor.execute('cont');
    await stream.flowsOn(FLOW_DEADLINE_MS);
    assert.is(passt.exitCode, null, 'passt has lost its client');
  }
});

const missing =
  (await ownNetworkMissing()) ?? networkGuestMissing() ?? ('missing' in found ? found.missing : null);
if (missing !== null) skipSuite(SUITE, missing);
else if (await isInOwnNetwork(import.meta.url)) test.run();
