/** What tests of consoles through hand-overs begin with. */
import { join } from 'node:path';
import { suite, type Test } from 'uvu';
import { echo } from '../guests/echo.js';
import { EchoClient, SocketConnection } from './console-clients.js';
import { Relay } from './relay.js';
import { channelsTo, VmmHost, type VmmProcess } from './vmm-process.js';

/** More than the guest takes at once, so that input always waits in the kernel. */
export const WINDOW_BYTES = 3000;

export interface ConsoleContext {
  host: VmmHost;
  relay: Relay | null;
  clients: { close(): void }[];
}

/** A suite whose tests begin with nothing and leave nothing. */
export function consoleSuite(name: string): Test<ConsoleContext> {
  const test = suite<ConsoleContext>(name);
  test.before.each(async (context) => {
    context.host = await VmmHost.create();
    context.relay = null;
    context.clients = [];
  });
  test.after.each(async ({ host, relay, clients }) => {
    for (const client of clients) client.close();
    await relay?.close();
    await host.remove();
  });
  return test;
}

export function socketSerial({ host }: ConsoleContext, more = ''): string[] {
  const path = join(host.path, 'console');
  return [
    '-chardev',
    `socket,id=serial0,path=${path},server=on,wait=off${more}`,
    '-serial',
    'chardev:serial0',
  ];
}

export async function startEcho(context: ConsoleContext, serial = socketSerial(context)): Promise<Relay> {
  const relay = await Relay.start(context.host, echo(), serial);
  context.relay = relay;
  return relay;
}

export async function connect(context: ConsoleContext, path = join(context.host.path, 'console')) {
  const connection = await SocketConnection.to(path);
  context.clients.push(connection);
  return connection;
}

/** An echo guest with a client that sends all the time. */
export async function startBusyEcho(context: ConsoleContext): Promise<{ relay: Relay; client: EchoClient }> {
  const relay = await startEcho(context);
  const client = new EchoClient(await connect(context), WINDOW_BYTES);
  await relay.monitor.execute('cont');
  await client.echoes(1000);
  return { relay, client };
}

export async function begin(relay: Relay, channels: object): Promise<void> {
  relay.monitor.forgetEvents();
  await relay.monitor.execute('migrate-set-parameters', { mode: 'cpr-transfer' });
  await relay.monitor.execute('migrate', channels);
}

export async function waitingTarget(relay: Relay): Promise<VmmProcess> {
  const target = relay.waitingTarget();
  await target.listening();
  await begin(relay, channelsTo(target));
  await (await target.monitor()).close();
  return target;
}
