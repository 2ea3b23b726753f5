/**
 * A TCP stream through passt to Linux in the guest, while one baton-vmm after the other takes it over. passt serves
 * one client and ends with it, so it has seen one. In a network namespace of the test's own.
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
import { channelsTo, prepareSource } from '../vmm/vmm-process.js';
import { NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';
import { TcpStream } from './tcp-stream.js';

const SUITE = 'passt through hand-overs of baton-vmm';
/** passt gives the guest the address of the host's. */
const ADDRESS = '192.0.2.10';
const ROUTER = '192.0.2.1';
const PORT = 7007;
const ROUNDS = 20;
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

test(`it flows on through ${ROUNDS} of them, by cpr-transfer and cpr-exec in turn`, async ({
  passt,
  guest,
  stream,
}) => {
  const gapsMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    stream.takeLongestGapMs();
    if (round % 2 === 0) await guest.transfer();
    else await guest.exec();
    await stream.flowsOn(FLOW_DEADLINE_MS);
    gapsMs.push(stream.takeLongestGapMs());
    assert.is(passt.exitCode, null, 'passt has lost its client');
  }
  const ofMode = (rest: number) => gapsMs.filter((_, round) => round % 2 === rest).map(Math.round);
  console.log(`gaps in ms: cpr-transfer ${ofMode(0).join(' ')}, cpr-exec ${ofMode(1).join(' ')}`);
});

test('it flows on in the source when a target that has it dies before it runs the guest', async ({
  passt,
  guest,
  stream,
}) => {
  await prepareSource(guest.monitor);
  for (let round = 0; round < 3; round++) {
    const target = await guest.target([], true);
    guest.monitor.forgetEvents();
    await guest.monitor.execute('migrate', channelsTo(target));
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
