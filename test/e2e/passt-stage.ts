/**
 * A TCP stream through passt to Linux in a baton-vmm, for tests that hand that guest over. passt serves one client and
 * ends with it, so a test sees whether it has seen one. In a network namespace of the test's own.
 */
import type { ChildProcess } from 'node:child_process';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cache, findInCache } from '../fetch/cache.js';
import { networkGuestMissing } from '../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeNetwork, ownNetworkMissing } from './own-network.js';
import { endPasst, PASST_ADDRESS, PASST_ROUTER, type PasstSettings, startPasst } from './passt.js';
import { TcpStream } from './tcp-stream.js';

const PORT = 7007;
const FLOW_DEADLINE_MS = 60_000;

export interface PasstContext {
  directory: TempDir;
  passt: ChildProcess;
  guest: NetworkVmm;
  stream: TcpStream;
}

/** How the guest's frames get to passt. */
export interface PasstWay {
  readonly vhostUser: boolean;
  readonly find: (cache: Cache) => ReturnType<Cache['passt']>;
  netdev(socket: string): string[];
}

export const STREAM: PasstWay = {
  vhostUser: false,
  find: (cache) => cache.passt(),
  netdev: (socket) => ['-netdev', `stream,id=net0,server=off,addr.type=unix,addr.path=${socket}`],
};

export const VHOST_USER: PasstWay = {
  vhostUser: true,
  find: (cache) => cache.newPasst(),
  netdev: (socket) => [
    ...['-chardev', `socket,id=passt,path=${socket}`],
    ...['-netdev', 'vhost-user,id=net0,chardev=passt'],
  ],
};

/** A suite whose tests begin with a stream that flows. */
export function passtSuite(name: string, way: PasstWay): Test<PasstContext> {
  const test = suite<PasstContext>(name);
  test.before(() => makeNetwork('outside', `${PASST_ADDRESS}/24`, PASST_ROUTER));
  test.before.each(async (context) => {
    context.directory = await tempDir();
    const socket = `${context.directory.path}/passt.sock`;
    const settings: PasstSettings = { ...way, ports: [`${PORT}:${SERVER_PORTS.echo}`] };
    context.passt = await startPasst(socket, settings);
    const network = { address: PASST_ADDRESS, router: PASST_ROUTER, netdev: way.netdev(socket) };
    context.guest = await NetworkVmm.boot(network);
    context.stream = await openStream();
  });
  test.after.each(async ({ directory, passt, guest, stream }) => {
    stream?.close();
    await guest?.close();
    if (passt !== undefined) await endPasst(passt);
    await directory.remove();
  });
  return test;
}

/** passt takes a connection before it knows whether the guest does, and then resets it. */
export function openStream(): Promise<TcpStream> {
  const flowing = async () => {
    const stream = await TcpStream.open('127.0.0.1', PORT);
    return stream.flowsOn().then(
      () => stream,
      () => void stream.close(),
    );
  };
  return waitFor(flowing, { deadlineMs: 60_000, what: 'a stream through passt' });
}

/** More of it arrives, and passt still has its first client. */
export async function flowsOn({ stream, passt }: PasstContext): Promise<void> {
  await stream.flowsOn(FLOW_DEADLINE_MS);
  assert.is(passt.exitCode, null, 'passt has lost its client');
}

/** `url`: the test file's. */
export async function runPasst(
  test: Test<PasstContext>,
  name: string,
  way: PasstWay,
  url: string,
): Promise<void> {
  const found = way.find(findInCache());
  const missing =
    (await ownNetworkMissing()) ?? networkGuestMissing() ?? ('missing' in found ? found.missing : null);
  if (missing !== null) skipSuite(name, missing);
  else if (await isInOwnNetwork(url)) test.run();
}
