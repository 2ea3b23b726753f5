/**
 * A TCP stream through a tap of the host's to Linux in a baton-vmm, for tests that hand that guest over. In a network
 * namespace of the test's own.
 */
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { networkGuestMissing } from '../guests/linux/network-guest.js';
import { SERVER_PORTS } from '../guests/linux-server.js';
import { skipSuite } from '../helpers/skip.js';
import { NetworkVmm } from './network-vmm.js';
import { isInOwnNetwork, makeTap, ownNetworkMissing, timesTapIsOpen } from './own-network.js';
import { TcpStream } from './tcp-stream.js';

export const TAP = 'tap0';
export const GUEST = '192.0.2.2';
const HOST = '192.0.2.1';
export const FLOW_DEADLINE_MS = 60_000;

export interface TapContext {
  guest: NetworkVmm;
  stream: TcpStream;
}

/** A suite whose tests begin with a stream that flows. */
export function tapSuite(name: string): Test<TapContext> {
  const test = suite<TapContext>(name);
  test.before(() => makeTap(TAP, `${HOST}/24`));
  test.before.each(async (context) => {
    const netdev = ['-netdev', `tap,id=net0,ifname=${TAP},script=no,downscript=no`];
    context.guest = await NetworkVmm.boot({ address: GUEST, router: HOST, netdev });
    context.stream = await TcpStream.open(GUEST, SERVER_PORTS.echo);
    await context.stream.flowsOn(FLOW_DEADLINE_MS);
  });
  test.after.each(async ({ guest, stream }) => {
    stream?.close();
    await guest?.close();
  });
  return test;
}

/** More of it arrives, and the one VMM that has the guest has the tap, once. */
export async function flowsOn({ stream, guest }: TapContext): Promise<void> {
  await stream.flowsOn(FLOW_DEADLINE_MS);
  assert.is(timesTapIsOpen(TAP, guest.vmm.pid), 1);
}

/** `url`: the test file's. */
export async function runTap(test: Test<TapContext>, name: string, url: string): Promise<void> {
  const missing = (await ownNetworkMissing()) ?? networkGuestMissing();
  if (missing !== null) skipSuite(name, missing);
  else if (await isInOwnNetwork(url)) test.run();
}
