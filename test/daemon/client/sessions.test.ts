/** Sessions of the client whose connection breaks, or that nobody reads. */
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { keepAlive } from '../../../daemon/client/channel.js';
import { EventQueue, MAX_WAITING } from '../../../daemon/client/event-queue.js';
import { BatonClient } from '../../../daemon/client/index.js';
import { tempDir } from '../../helpers/temp-dir.js';
import { waitFor, within } from '../../helpers/wait.js';

const test = suite('sessions of the client');

function source() {
  const calls: string[] = [];
  return { calls, pause: () => calls.push('pause'), resume: () => calls.push('resume') };
}

test('what nobody takes is not read, by a connection that is new either', async () => {
  const queue = new EventQueue<number>();
  const [first, second] = [source(), source()];
  queue.fillFrom(first);
  for (let n = 1; n < MAX_WAITING; n += 1) queue.push(n);
  assert.equal(first.calls, []);
  queue.push(MAX_WAITING);
  assert.equal(first.calls, ['pause']);
  queue.fillFrom(second);
  assert.equal(second.calls, ['pause']);
  queue.push(MAX_WAITING + 1);
  assert.equal(second.calls, ['pause', 'pause']);
  let taken = 0;
  for await (const n of queue.drain(Promise.resolve())) {
    taken += 1;
    assert.is(n, taken);
  }
  assert.equal([taken, second.calls.at(-1)], [MAX_WAITING + 1, 'resume']);
});

test('a daemon that is not read from is not taken for dead; one that is silent is', async () => {
  let looks = 0;
  let isPaused = true;
  let isTerminated = false;
  const socket = Object.assign(new EventEmitter(), {
    readyState: 1,
    OPEN: 1,
    ping: () => undefined,
    terminate: () => {
      isTerminated = true;
    },
  });
  Object.defineProperty(socket, 'isPaused', {
    get: () => {
      looks += 1;
      return isPaused;
    },
  });
  const stop = keepAlive(socket as never, 1);
  await waitFor(() => looks > 8, { what: 'heartbeats while it is not read' });
  assert.is(isTerminated, false);
  isPaused = false;
  await waitFor(() => isTerminated, { what: 'the end of one that answers nothing' });
  stop();
});

test('a console whose input has ended ends, though the connection breaks before the daemon has said so', async () => {
  const { path, remove } = await tempDir();
  const server = createServer();
  const sockets = new WebSocketServer({ server, autoPong: false });
  let connections = 0;
  sockets.on('connection', (socket) => {
    connections += 1;
    const isFirst = connections === 1;
    socket.send(JSON.stringify({ position: '1:0' }));
    socket.on('ping', (data) => (isFirst ? socket.terminate() : socket.pong(data)));
  });
  server.listen(`${path}/api.sock`);
  await once(server, 'listening');
  const client = new BatonClient({ host: `unix:${path}/api.sock` });
  const session = client.console({
    machine: 'web1',
    onBytes: () => undefined,
    onOpen: () => session.finish(),
  });
  try {
    await within(session.run(), 10_000, 'the end of the session');
    assert.is(connections, 2);
  } finally {
    session.close();
    client.close();
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    server.close();
    await remove();
  }
});

test.run();
