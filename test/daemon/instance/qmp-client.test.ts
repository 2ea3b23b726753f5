/** The client against a peer that says whatever the test wants. */
import { createServer, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EventWatch, QmpClient } from '../../../daemon/instance/qmp-client.js';
import {
  QmpCommandError,
  QmpDisconnected,
  QmpProtocolError,
  QmpTimeout,
} from '../../../daemon/instance/qmp-errors.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { within } from '../../helpers/wait.js';

const GREETING = {
  QMP: { version: { qemu: { major: 11, minor: 1, micro: 0 }, package: 'test' }, capabilities: [] },
};

interface Request {
  readonly execute: string;
  readonly id: number;
}

interface Context {
  dir: TempDir;
  path: string;
  server: Server;
  sockets: Socket[];
  /** What the peer does with each request after the negotiation. */
  onRequest: (request: Request, send: (message: object | string) => void, socket: Socket) => void;
  onConnect: (send: (message: object | string) => void, socket: Socket) => void;
}

const test = suite<Context>('QMP client');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.path = `${context.dir.path}/qmp.sock`;
  context.sockets = [];
  context.onConnect = (send) => send(GREETING);
  context.onRequest = ({ id }, send) => send({ return: {}, id });
  context.server = createServer((socket) => {
    context.sockets.push(socket);
    const send = (message: object | string) =>
      socket.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\r\n`);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const request = JSON.parse(line) as Request;
        if (request.execute === 'qmp_capabilities') send({ return: {}, id: request.id });
        else context.onRequest(request, send, socket);
      }
    });
    context.onConnect(send, socket);
  });
  await new Promise<void>((resolve) => context.server.listen(context.path, resolve));
});

test.after.each(async ({ server, sockets, dir }) => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await dir.remove();
});

const connect = ({ path }: Context) => QmpClient.connect(path, { deadlineMs: 500 });

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await within(promise, 5_000, 'an answer');
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

test('answers are matched by id, in whatever order they come', async (context) => {
  const held: (() => void)[] = [];
  context.onRequest = ({ execute, id }, send) => {
    held.push(() => send({ return: execute, id }));
    if (held.length === 2) for (const answer of held.reverse()) answer();
  };
  const client = await connect(context);
  assert.equal(await Promise.all([client.execute('one'), client.execute('two')]), ['one', 'two']);
  client.close();
});

test('a message that comes in pieces, and several in one piece, are understood', async (context) => {
  context.onRequest = ({ id }, send) => {
    const text = `${JSON.stringify({ return: 'ünï', id })}\r\n`;
    const event = { event: 'STOP', timestamp: { seconds: 1, microseconds: 2 } };
    send(`${JSON.stringify(event)}\r\n${JSON.stringify(event)}\r\n${text.slice(0, 10)}`);
    setImmediate(() => send(text.slice(10)));
  };
  const client = await connect(context);
  let events = 0;
  client.onEvent(() => {
    events += 1;
  });
  assert.is(await client.execute('x'), 'ünï');
  assert.is(events, 2);
  client.close();
});

test('an error answer names the command and what the VMM said', async (context) => {
  context.onRequest = ({ id }, send) => send({ error: { class: 'GenericError', desc: 'no' }, id });
  const client = await connect(context);
  const error = await rejection(client.execute('migrate'));
  assert.instance(error, QmpCommandError);
  assert.is(error.message, 'migrate: no');
  client.close();
});

test('a command that is not answered ends at its deadline; a late answer harms nothing', async (context) => {
  let late = () => {};
  context.onRequest = ({ execute, id }, send) => {
    if (execute === 'slow') late = () => send({ return: {}, id });
    else send({ return: 'fine', id });
  };
  const client = await connect(context);
  assert.instance(await rejection(client.execute('slow', {}, { deadlineMs: 30 })), QmpTimeout);
  late();
  assert.is(await client.execute('other'), 'fine');
  client.close();
});

test('an abort ends the wait with its reason', async (context) => {
  context.onRequest = () => undefined;
  const client = await connect(context);
  const abort = new AbortController();
  const answer = rejection(client.execute('x', {}, { signal: abort.signal }));
  abort.abort(new Error('enough'));
  assert.is((await answer).message, 'enough');
  assert.is((await rejection(client.execute('x', {}, { signal: abort.signal }))).message, 'enough');
  client.close();
});

test('a hang-up rejects what is under way and what comes later', async (context) => {
  context.onRequest = (_request, _send, socket) => socket.destroy();
  const client = await connect(context);
  assert.instance(await rejection(client.execute('x')), QmpDisconnected);
  assert.instance(await rejection(client.execute('y')), QmpDisconnected);
  assert.instance(await client.closed, QmpDisconnected);
});

for (const [what, garbage] of [
  ['no JSON', 'hello\r\n'],
  ['JSON that is no object', '[1]\r\n'],
  ['an object of no known form', '{"foo":1}\r\n'],
  ['an event without timestamp', '{"event":"STOP"}\r\n'],
  ['an answer without id', '{"return":{}}\r\n'],
  ['an error of a wrong shape', '{"error":"no","id":1}\r\n'],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x7b, 0x0a]).toString('latin1')],
]) {
  test(`${what} ends the connection as a protocol error`, async (context) => {
    context.onRequest = (_request, send) => send(garbage as string);
    const client = await connect(context);
    const error = await rejection(client.execute('x'));
    assert.instance(error, QmpProtocolError);
    assert.match(error.message, /does not speak QMP/);
  });
}

test('a line without end is cut off at its limit', async (context) => {
  context.onRequest = (_request, _send, socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write('x'.repeat(65_536)));
      socket.once('drain', more);
    };
    more();
  };
  const client = await connect(context);
  assert.match((await rejection(client.execute('x'))).message, /a line of more than 4194304 bytes/);
});

test('no greeting, no answer to the negotiation, nobody there: errors that end', async (context) => {
  context.onConnect = () => undefined;
  assert.instance(await rejection(QmpClient.connect(context.path, { deadlineMs: 50 })), QmpTimeout);
  context.onConnect = (_send, socket) => socket.end();
  assert.instance(await rejection(QmpClient.connect(context.path, { deadlineMs: 500 })), QmpDisconnected);
  const nowhere = QmpClient.connect(`${context.path}.none`, { deadlineMs: 500 });
  assert.match((await rejection(nowhere)).message, /ENOENT/);
});

test('an event that came before it was asked for is found, one that comes later is waited for', async (context) => {
  const client = await connect(context);
  const watch = new EventWatch(client);
  const send = (event: string) =>
    context.sockets[0]?.write(`${JSON.stringify({ event, timestamp: { seconds: 1, microseconds: 0 } })}\r\n`);
  const never = new AbortController().signal;
  send('STOP');
  await client.execute('x');
  assert.is((await watch.find(({ event }) => event === 'STOP', never)).event, 'STOP');
  const both = Promise.all([
    watch.find(({ event }) => event === 'RESUME', never),
    watch.find(({ event }) => event === 'RESET', never),
  ]);
  send('RESET');
  send('RESUME');
  assert.equal(
    (await within(both, 2_000, 'both events')).map(({ event }) => event),
    ['RESUME', 'RESET'],
  );
  const abort = new AbortController();
  const waiting = rejection(watch.find(() => false, abort.signal));
  abort.abort(new Error('enough'));
  assert.is((await waiting).message, 'enough');
  watch.close();
  client.close();
});

test('a VMM that floods with events nobody reads is cut off', async (context) => {
  const client = await connect(context);
  const watch = new EventWatch(client);
  const event = `${JSON.stringify({ event: 'X', timestamp: { seconds: 1, microseconds: 0 } })}\r\n`;
  context.sockets[0]?.write(event.repeat(5_000));
  assert.instance(await within(client.closed, 5_000, 'the connection to end'), QmpDisconnected);
  watch.close();
});

test('a watch ends with its connection, and gives first what came before', async (context) => {
  const client = await QmpClient.connect(context.path, { deadlineMs: 5_000 });
  const watch = new EventWatch(client);
  const { signal } = new AbortController();
  const resumed = watch.find(({ event }) => event === 'RESUME', signal);
  const timestamp = { seconds: 1, microseconds: 0 };
  context.sockets[0]?.end(`${JSON.stringify({ event: 'STOP', timestamp })}\r\n`);
  const error = await within(
    resumed.catch((thrown) => thrown),
    2_000,
    'the watch to end',
  );
  assert.instance(error, QmpDisconnected);
  assert.is((await watch.find(({ event }) => event === 'STOP', signal)).event, 'STOP');
});

test.run();
