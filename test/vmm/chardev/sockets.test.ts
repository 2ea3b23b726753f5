import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CarriedDescriptors } from '../../../vmm/carried.js';
import type { Chardev } from '../../../vmm/chardev/chardev.js';
import { MAX_BUFFERED_BYTES } from '../../../vmm/chardev/chardev-state.js';
import { openChardev } from '../../../vmm/chardev/open.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';

interface Context {
  dir: TempDir;
  path: string;
  opened: Chardev[];
  clients: Socket[];
  servers: Server[];
}
const test = suite<Context>('socket chardev');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = join(context.dir.path, 's');
  context.opened = [];
  context.clients = [];
  context.servers = [];
});
test.after.each(async ({ dir, opened, clients, servers }) => {
  for (const client of clients) client.destroy();
  await Promise.all(opened.map((chardev) => chardev.close()));
  for (const server of servers) server.close();
  await dir.remove();
});

async function open(context: Context, properties: string, backlogBytes = 0): Promise<Chardev> {
  const text = `socket,id=c,path=${context.path},${properties}`;
  const [options] = parseOptions(['-kernel', 'k', '-chardev', text]).chardevs;
  if (options === undefined) throw new Error('no chardev parsed');
  const chardev = await openChardev(options, {
    ...{ backlogBytes, awaitsGuest: false },
    received: new CarriedDescriptors([]),
  });
  context.opened.push(chardev);
  return chardev;
}

/** A client that collects what it hears. */
async function connect(context: Context) {
  const socket = createConnection(context.path);
  context.clients.push(socket);
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes;
  });
  socket.on('error', () => {});
  await within(new Promise<void>((resolve) => socket.once('connect', resolve)), 2000, 'a connection');
  return { socket, heard: () => heard };
}

function record(chardev: Chardev): string[] {
  const events: string[] = [];
  chardev.onOpen = () => events.push('open');
  chardev.onClose = () => events.push('close');
  chardev.onReadable = () => {
    const bytes = chardev.read(1024);
    if (bytes.length > 0) events.push(Buffer.from(bytes).toString());
  };
  chardev.setReading(true);
  return events;
}

test('a server talks both ways with a client and tells of its coming and going', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const events = record(chardev);
  assert.is(chardev.isOpen, false);
  const client = await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the server to see the client' });
  client.socket.write('hello');
  assert.is(chardev.write(Buffer.from('welcome')), true);
  await waitFor(() => client.heard() === 'welcome' && events.length === 2, { what: 'both texts' });
  client.socket.end();
  await waitFor(() => !chardev.isOpen, { what: 'the server to see the client leave' });
  assert.equal(events, ['open', 'hello', 'close']);
});

test('the next client comes after the first, and a second one waits its turn', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const first = await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the first client' });
  const second = await connect(context);
  second.socket.write('from second');
  const events = record(chardev);
  chardev.write(Buffer.from('one'));
  await waitFor(() => first.heard() === 'one', { what: 'output at the first client' });
  assert.is(second.heard(), '');
  first.socket.destroy();
  await waitFor(() => events.includes('from second'), { what: 'input of the second client' });
  chardev.write(Buffer.from('two'));
  await waitFor(() => second.heard() === 'two', { what: 'output at the second client' });
  assert.equal(events, ['close', 'open', 'from second']);
});

test('output without a client is dropped when no backlog was asked for', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  assert.is(chardev.write(Buffer.from('nobody hears')), true);
  const client = await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  chardev.write(Buffer.from('now'));
  await waitFor(() => client.heard() !== '', { what: 'output' });
  assert.is(client.heard(), 'now');
});

test('the newest output without a client is kept for the next one, once', async (context) => {
  const chardev = await open(context, 'server=on,wait=off', 8);
  for (const text of ['12345', '6', '789', 'abc']) chardev.write(Buffer.from(text));
  const client = await connect(context);
  await waitFor(() => client.heard().length >= 8, { what: 'the backlog' });
  assert.is(client.heard(), '56789abc');
  client.socket.destroy();
  await waitFor(() => !chardev.isOpen, { what: 'the client to be gone' });
  chardev.write(Buffer.from('this is too long'));
  const next = await connect(context);
  await waitFor(() => next.heard().length >= 8, { what: 'the backlog' });
  assert.is(next.heard(), 'too long');
});

test('a client that does not read costs a bounded buffer, then output is refused', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const client = await connect(context);
  client.socket.pause();
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let accepted = 0;
  while (chardev.write(chunk)) {
    accepted += chunk.length;
    assert.ok(accepted < 4 * MAX_BUFFERED_BYTES, 'the buffer has no bound');
    await new Promise(setImmediate);
  }
  client.socket.resume();
  await waitFor(() => client.heard().length === accepted, { what: 'everything that was accepted' });
  assert.is(chardev.write(chunk), true);
});

test('closing delivers what was written before', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const client = await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  chardev.write(Buffer.alloc(500_000, 'y'));
  context.opened = [];
  await chardev.close();
  await within(closed, 2000, 'the end of the connection');
  assert.is(client.heard().length, 500_000);
  assert.is(existsSync(context.path), false);
});

test('closing does not wait for ever for a client that does not read', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const client = await connect(context);
  client.socket.pause();
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  chardev.write(Buffer.alloc(MAX_BUFFERED_BYTES, 'z'));
  context.opened = [];
  await within(chardev.close(), 3000, 'the chardev to close');
});

test('setReading holds input back until it is wanted', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const events = record(chardev);
  chardev.setReading(false);
  const client = await connect(context);
  client.socket.write('early');
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  await new Promise(setImmediate);
  assert.equal(events, ['open']);
  chardev.setReading(true);
  await waitFor(() => events.includes('early'), { what: 'the held input' });
});

test('clients that hang up unread make room for each other, and the last one for whoever reads', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  const events = record(chardev);
  chardev.setReading(false);
  for (let count = 0; count < 8; count++) {
    const client = await connect(context);
    client.socket.end(`unread ${count}`);
    await waitFor(() => client.socket.writableFinished, { what: 'the words to be sent' });
  }
  const last = await connect(context);
  await waitFor(() => chardev.write(Buffer.from('.')) && last.heard() !== '', {
    what: 'the last one to be served',
  });
  last.socket.write('read');
  chardev.setReading(true);
  await waitFor(() => events.includes('read'), { what: 'input of the last client' });
  assert.not.ok(
    events.some((event) => event.startsWith('unread')),
    events.join(' '),
  );
});

test('what a client has sent before it hung up waits for a guest that takes its time', async (context) => {
  const chardev = await open(context, 'server=on,wait=off');
  chardev.setReading(true);
  const first = await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the first client' });
  chardev.setReading(false);
  first.socket.end('first');
  const second = await connect(context);
  second.socket.write(' second');
  let read = '';
  await waitFor(
    () => {
      read += Buffer.from(chardev.read(1)).toString();
      return read === 'first second';
    },
    { what: 'both, in turn' },
  );
});

test('the log file has all output, client or no client', async (context) => {
  const log = join(context.dir.path, 'log');
  writeFileSync(log, 'old\n');
  const chardev = await open(context, `server=on,wait=off,logfile=${log},logappend=on`);
  chardev.write(Buffer.from('a\n'));
  await connect(context);
  await waitFor(() => chardev.isOpen, { what: 'the client' });
  chardev.write(Buffer.from('b\n'));
  assert.is(readFileSync(log, 'utf8'), 'old\na\nb\n');
});

test('wait=on opens when the first client is there', async (context) => {
  const opening = open(context, 'server=on,wait=on');
  await waitFor(() => existsSync(context.path), { what: 'the socket' });
  await connect(context);
  const chardev = await within(opening, 2000, 'the chardev to open');
  assert.is(chardev.isOpen, true);
});

test('a stale socket is replaced, another kind of file is not', async (context) => {
  const first = await open(context, 'server=on,wait=off');
  const inode = statSync(context.path).ino;
  const second = await open(context, 'server=on,wait=off');
  assert.is.not(statSync(context.path).ino, inode);
  await first.close();
  assert.is(existsSync(context.path), true, 'closing the first removed the socket of the second');
  await second.close();
  assert.is(existsSync(context.path), false);
  writeFileSync(context.path, 'precious');
  try {
    await open(context, 'server=on,wait=off');
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /chardev 'c': .*EADDRINUSE/);
  }
  assert.is(readFileSync(context.path, 'utf8'), 'precious');
});

test('a client connects, and without a server fails by name', async (context) => {
  try {
    await open(context, 'server=off');
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /chardev 'c': .*ENOENT/);
  }
  const peers: Socket[] = [];
  const server = createServer((socket) => peers.push(socket)).listen(context.path);
  context.servers.push(server);
  await waitFor(() => server.listening, { what: 'the server' });
  const chardev = await open(context, 'server=off');
  assert.is(chardev.isOpen, true);
  chardev.write(Buffer.from('hi'));
  const peer = await waitFor(() => peers[0], { what: 'the connection' });
  const text = await within(new Promise<Buffer>((resolve) => peer.once('data', resolve)), 2000, 'output');
  assert.is(text.toString(), 'hi');
  peer.destroy();
});

test('a client with reconnect-ms comes when the server does, and again', async (context) => {
  const chardev = await open(context, 'server=off,reconnect-ms=10');
  const events = record(chardev);
  assert.is(chardev.isOpen, false);
  for (const round of [1, 2]) {
    const peers: Socket[] = [];
    const server = createServer((socket) => peers.push(socket)).listen(context.path);
    context.servers.push(server);
    await waitFor(() => chardev.isOpen, { what: `connection ${round}` });
    const peer = await waitFor(() => peers[0], { what: `the server's side of connection ${round}` });
    server.close();
    peer.destroy();
    await waitFor(() => !chardev.isOpen, { what: `the end of connection ${round}` });
    if (existsSync(context.path)) unlinkSync(context.path);
  }
  assert.equal(events, ['open', 'close', 'open', 'close']);
});

test.run();
