import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, listenUnix, sendDatagram } from '../../native/index.js';
import { type Datagrams, receiveDatagrams } from '../daemon/service/datagrams.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
import { nativeError, openFds } from './observe.js';

const test = suite<{ dir: TempDir; listener: Datagrams | null }>('datagram');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.listener = null;
});
test.after.each(async ({ dir, listener }) => {
  await listener?.end();
  await dir.remove();
});

for (const [what, addressIn] of [
  ['a path', (path: string) => `${path}/socket`],
  ['an abstract name', () => `@baton-test-${randomUUID()}`],
] as const) {
  test(`arrives at ${what}, whole, and leaves no descriptor`, async (context) => {
    const address = addressIn(context.dir.path);
    const listener = await receiveDatagrams(address);
    context.listener = listener;
    const before = openFds();
    for (const text of ['READY=1\nSTATUS=ü', 'x'.repeat(10_000)]) sendDatagram(address, Buffer.from(text));
    assert.is(openFds(), before);
    await waitFor(() => listener.received.length === 2, { deadlineMs: 5_000, what: 'two datagrams' });
    assert.equal(listener.received, ['READY=1\nSTATUS=ü', 'x'.repeat(10_000)]);
  });
}

test('an address at which nobody is, or no datagram socket, is an error with its name', ({ dir }) => {
  const data = Buffer.from('x');
  assert.is(nativeError(() => sendDatagram(`${dir.path}/none`, data)).code, 'ENOENT');
  assert.is(nativeError(() => sendDatagram(`@${randomUUID()}`, data)).code, 'ECONNREFUSED');
  assert.is(nativeError(() => sendDatagram(`/${'x'.repeat(200)}`, data)).code, 'ENAMETOOLONG');
  const stream = listenUnix(`${dir.path}/stream`, 1);
  assert.is(nativeError(() => sendDatagram(`${dir.path}/stream`, data)).code, 'EPROTOTYPE');
  closeFd(stream);
});

test.run();
