/** What of a serial chardev goes to a target, and what becomes of it where the target is another. */
import { closeSync, constants, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { makeFifo } from '../../native/index.js';
import { waitFor } from '../helpers/wait.js';
import { EchoClient, SocketConnection } from './console-clients.js';
import {
  begin,
  connect,
  consoleSuite,
  startBusyEcho,
  startEcho,
  WINDOW_BYTES,
  waitingTarget,
} from './console-stage.js';
import { channelsTo } from './vmm-process.js';

const test = consoleSuite('chardevs through hand-overs');

test('who connects during a hand-over waits, and is served by whoever has the guest then', async (context) => {
  const relay = await startEcho(context);
  await relay.monitor.execute('cont');
  const target = await waitingTarget(relay);
  const early = new EchoClient(await connect(context), 100);
  await relay.monitor.execute('query-status');
  assert.is(early.echoed, 0);
  await relay.monitor.execute('migrate_cancel');
  await early.echoes(1000);
  await early.finish();
  await target.kill();
  early.connection.close();
  const next = relay.waitingTarget();
  await next.listening();
  await begin(relay, channelsTo(next));
  const there = await next.monitor();
  const late = new EchoClient(await connect(context), 100, true);
  await there.execute('migrate-incoming', { uri: `unix:${next.path('main')}` });
  await relay.monitor.event('MIGRATION', 'completed');
  await late.echoes(1000);
  await relay.monitor.execute('quit');
  await relay.current.exitCode();
  assert.ok(existsSync(join(context.host.path, 'console')), 'the source left the socket to the target');
  await relay.become(next, there);
  await late.echoes(1000);
  await relay.monitor.execute('quit');
  await next.exitCode();
  assert.ok(!existsSync(join(context.host.path, 'console')), 'the target has removed it');
});

test('output that nobody has heard yet goes with the guest to the next client', async (context) => {
  const relay = await startEcho(context);
  await relay.monitor.execute('cont');
  await relay.transfer();
  await relay.exec();
  const client = new EchoClient(await connect(context), 100);
  await client.echoes(1000);
});

test('a target may listen elsewhere: the client stays, the next one comes there', async (context) => {
  const { relay, client } = await startBusyEcho(context);
  const there = join(context.host.path, 'elsewhere');
  const serial = ['-serial', `unix:${there},server=on,wait=off`];
  const target = relay.target([], serial);
  const monitor = await relay.transferTo(target);
  await client.echoes(2 * WINDOW_BYTES);
  const second = new EchoClient(await connect(context, there), 100, true);
  await client.finish();
  client.connection.close();
  await second.echoes(1000);
  await monitor.close();
});

test('a client chardev keeps its connection, and connects again when its server leaves', async (context) => {
  const path = join(context.host.path, 'server');
  const sockets: SocketConnection[] = [];
  const server = createServer((socket) => sockets.push(new SocketConnection(socket))).listen(path);
  context.clients.push(server);
  const relay = await startEcho(context, [
    ...['-chardev', `socket,id=serial0,path=${path},reconnect-ms=20`, '-serial', 'chardev:serial0'],
  ]);
  const first = await waitFor(() => sockets[0], { what: 'the VMM to connect' });
  const client = new EchoClient(first, WINDOW_BYTES);
  await relay.monitor.execute('cont');
  for (let count = 0; count < 4; count++) {
    await client.echoes(WINDOW_BYTES);
    if (count % 2 === 0) await relay.exec();
    else await relay.transfer();
  }
  await client.finish();
  assert.is(sockets.length, 1);
  first.close();
  const second = await waitFor(() => sockets[1], { what: 'the VMM to connect again' });
  await new EchoClient(second, 100, true).echoes(1000);
});

test('a chardev that the target has not is named there, and its client lives as long as the source', async (context) => {
  const relay = await startEcho(context);
  await relay.monitor.execute('cont');
  const connection = await connect(context);
  const target = relay.target([], ['-serial', 'null']);
  const there = await relay.transferTo(target);
  assert.match(
    target.stderr,
    /nothing here is called chardev\/serial0\/listener:\d+:\d+, chardev\/serial0\/peer:/,
  );
  assert.is(connection.isEnded, false);
  await relay.monitor.execute('quit');
  await waitFor(() => connection.isEnded, { what: 'the end of the connection' });
  await there.close();
});

test('a FIFO keeps what the guest has not taken, an output file is neither emptied nor written twice', async (context) => {
  const [fifo, log, out] = ['fifo', 'log', 'out'].map((name) => join(context.host.path, name)) as [
    string,
    string,
    string,
  ];
  makeFifo(fifo);
  const relay = await startEcho(context, [
    ...[
      '-chardev',
      `file,id=serial0,path=${out},input-path=${fifo},logfile=${log}`,
      '-serial',
      'chardev:serial0',
    ],
  ]);
  await relay.monitor.execute('cont');
  await waitFor(() => readFileSync(out, 'latin1') === 'echo: start\n', { what: 'the guest to listen' });
  const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  let expected = 'echo: start\n';
  for (let count = 0; count < 6; count++) {
    const text = `${String(count).repeat(2000)}\n`;
    expected += text;
    writeSync(fd, text);
    if (count % 2 === 0) await relay.exec();
    else await relay.transfer();
  }
  closeSync(fd);
  await waitFor(() => statSync(out).size >= expected.length, { what: 'everything to come back' });
  assert.is(readFileSync(out, 'latin1'), expected);
  assert.is(readFileSync(log, 'latin1'), expected);
});

test.run();
