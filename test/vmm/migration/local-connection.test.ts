import { existsSync, openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, connectUnix, readFd, sendMessage, shutdownWrite } from '../../../native/index.js';
import { acceptLocal, type LocalConnection } from '../../../vmm/migration/local-connection.js';
import { UnixListener } from '../../../vmm/unix-listener.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

interface Context {
  directory: TempDir;
  source: number;
  connection: LocalConnection;
  received: Buffer[];
  failure: Error | null;
}

const test = suite<Context>('a main channel with descriptors');

test.before.each(async (context) => {
  context.directory = await tempDir();
  const listener = new UnixListener(`${context.directory.path}/main`, 1);
  let accepted: LocalConnection | null = null;
  acceptLocal(listener, (connection) => {
    accepted = connection;
  });
  context.source = connectUnix(listener.path);
  context.connection = await waitFor((): LocalConnection | null => accepted, { what: 'the connection' });
  listener.close();
  context.received = [];
  context.failure = null;
  context.connection.on('data', (chunk: Buffer) => context.received.push(chunk));
  context.connection.on('error', (error) => {
    context.failure = error;
  });
});

test.after.each(async ({ directory, source, connection }) => {
  connection.destroy();
  closeFd(source);
  await directory.remove();
});

function isOpen(fd: number): boolean {
  return existsSync(`/proc/self/fd/${fd}`);
}

/** Sends copies of a descriptor of our own. */
function send({ source }: Context, text: string, copies = 0): void {
  const fd = openSync('/dev/null', 'r');
  try {
    const sent = sendMessage(source, Buffer.from(text), Array<number>(copies).fill(fd));
    assert.is(sent, text.length);
  } finally {
    closeFd(fd);
  }
}

async function hears({ received }: Context, text: string): Promise<void> {
  await waitFor(() => Buffer.concat(received).toString() === text, { what: `'${text}'` });
}

test('gives bytes and descriptors in their order, and knows whose they are', async (context) => {
  send(context, 'ab', 2);
  send(context, 'cd', 1);
  await hears(context, 'abcd');
  const { connection } = context;
  assert.is(connection.descriptors.length, 3);
  assert.ok(connection.descriptors.every(isOpen));
  assert.is(connection.sourcePid, process.pid);
  const [first = -1, ...others] = connection.descriptors;
  connection.giveAway();
  connection.destroy();
  assert.ok([first, ...others].every(isOpen), 'they are the caller’s');
  for (const fd of [first, ...others]) closeFd(fd);
});

test('closes what nobody has taken, and what comes after', async (context) => {
  send(context, 'ab', 2);
  await hears(context, 'ab');
  const { connection } = context;
  const kept = [...connection.descriptors];
  connection.giveAway();
  send(context, 'c', 2);
  await hears(context, 'abc');
  assert.equal(connection.descriptors, []);
  connection.destroy();
  assert.ok(kept.every(isOpen));
  for (const fd of kept) closeFd(fd);
});

test('closes all when it is destroyed', async (context) => {
  send(context, 'ab', 2);
  await hears(context, 'ab');
  const fds = [...context.connection.descriptors];
  context.connection.destroy();
  await waitFor(() => !fds.some(isOpen), { what: 'the descriptors to be closed' });
});

test('refuses more than a machine can have', async (context) => {
  send(context, 'a', 100);
  await hears(context, 'a');
  const fds = [...context.connection.descriptors];
  send(context, 'b', 100);
  await waitFor(() => context.failure !== null, { what: 'the refusal' });
  assert.match(context.failure?.message ?? '', /expected at most 128 descriptors, got 200/);
  await waitFor(() => !fds.some(isOpen), { what: 'the descriptors to be closed' });
});

test('answers, tells of the end, and fails what it cannot say', async (context) => {
  const { connection, source } = context;
  let hasEnded = false;
  connection.on('end', () => {
    hasEnded = true;
  });
  connection.write('yes');
  const answer = Buffer.alloc(10);
  await waitFor(() => readFd(source, answer), { what: 'the answer' });
  assert.is(answer.toString('latin1', 0, 3), 'yes');
  shutdownWrite(source);
  await waitFor(() => hasEnded, { what: 'the end' });
  assert.not.ok(connection.destroyed);
  const other = { ...context };
  const failure = new Promise<Error | null | undefined>((resolve) => {
    // More than the kernel takes while nobody reads.
    other.connection.write(Buffer.alloc(8 * 2 ** 20), resolve);
  });
  connection.destroy();
  assert.ok((await failure) instanceof Error);
});

test.run();
