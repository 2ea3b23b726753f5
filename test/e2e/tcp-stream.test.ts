/** The judge of the guest's network, judged. */
import { createServer, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitFor } from '../helpers/wait.js';
import { TcpStream } from './tcp-stream.js';

interface Context {
  server: Server;
  /** What the echo does with what has come; the test's to choose. */
  answer: (socket: Socket, bytes: Buffer) => void;
  stream: TcpStream;
}

const test = suite<Context>('TCP stream');

test.before.each(async (context) => {
  context.answer = (socket, bytes) => socket.write(bytes);
  context.server = createServer((socket) => {
    socket.on('data', (bytes) => context.answer(socket, bytes));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  const address = context.server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  context.stream = await TcpStream.open('127.0.0.1', address.port);
  await context.stream.flowsOn();
});

test.after.each(({ server, stream }) => {
  stream.close();
  server.close();
});

/** What it complains of, once it does. */
function complaint(stream: TcpStream): Promise<string> {
  const words = () => {
    try {
      return stream.receivedBytes < 0;
    } catch (error) {
      return (error as Error).message;
    }
  };
  return waitFor(words, { deadlineMs: 5_000, what: 'a complaint' }).then(String);
}

test('a wrong byte is noticed', async (context) => {
  context.answer = (socket, bytes) => {
    const spoilt = Buffer.from(bytes);
    spoilt.writeUInt8(spoilt.readUInt8(0) ^ 1);
    socket.write(spoilt);
  };
  assert.match(await complaint(context.stream), /wrong bytes came back/);
});

test('a byte that is lost is noticed', async (context) => {
  context.answer = (socket, bytes) => socket.write(bytes.subarray(1));
  assert.match(await complaint(context.stream), /wrong bytes came back/);
});

test('a reset and an end are noticed', async (context) => {
  context.answer = (socket) => socket.resetAndDestroy();
  assert.match(await complaint(context.stream), /the connection broke|was closed/);
});

test('a time without an arrival is measured', async (context) => {
  context.stream.takeLongestGapMs();
  const heldBackMs = 120;
  const held: Buffer[] = [];
  context.answer = (_socket, bytes) => void held.push(bytes);
  const startedAt = performance.now();
  await waitFor(() => performance.now() - startedAt > heldBackMs, { what: 'a while to pass' });
  assert.ok(context.stream.takeLongestGapMs() > heldBackMs - 20);
});

test.run();
