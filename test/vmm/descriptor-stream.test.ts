import { openSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  closeFd,
  createMemfd,
  readableBytes,
  readFd,
  sendMessage,
  shutdownWrite,
  writeFd,
} from '../../native/index.js';
import { DescriptorStream, type DescriptorStreamSettings } from '../../vmm/descriptor-stream.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { isNonBlocking, openFds, socketPair } from '../native/observe.js';

interface Context {
  dir: TempDir;
  far: number;
  near: number;
  fds: number;
  streams: DescriptorStream[];
}

const test = suite<Context>('descriptor stream');
const LIMIT_BYTES = 1024 * 1024;

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.fds = openFds();
  [context.near, context.far] = socketPair(`${context.dir.path}/s`);
  context.streams = [];
});
test.after.each(async ({ dir, far, streams, fds }) => {
  for (const stream of streams) stream.close();
  if (far >= 0) closeFd(far);
  assert.is(openFds(), fds, 'descriptors');
  await dir.remove();
});

function open(context: Context, fd = context.near, settings: Partial<DescriptorStreamSettings> = {}) {
  const stream = new DescriptorStream(fd, { limitBytes: LIMIT_BYTES, ...settings });
  context.streams.push(stream);
  const ends: (Error | null)[] = [];
  stream.onEnd = (error) => ends.push(error);
  return { stream, ends };
}

function hangUp(context: Context): void {
  closeFd(context.far);
  context.far = -1;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const bytes = (words: string) => new Uint8Array(Buffer.from(words));

function hear(fd: number): string {
  const into = new Uint8Array(LIMIT_BYTES);
  return text(into.subarray(0, readFd(fd, into) ?? 0));
}

test('reads what it is asked for and leaves the rest to whoever else has the descriptor', async (context) => {
  const { stream } = open(context);
  let told = 0;
  stream.onReadable = () => {
    told += 1;
    if (told === 3) stream.setReading(false);
  };
  writeFd(context.far, bytes('0123456789'));
  stream.setReading(true);
  await waitFor(() => told === 3, { what: 'the stream to tell again and again' });
  assert.is(text(stream.read(4)), '0123');
  assert.is(readableBytes(stream.fd), 6);
  assert.is(text(stream.read(100)), '456789');
  assert.is(stream.read(1).length, 0);
});

test('output that the peer does not take waits, in order, up to the limit; more is refused as a whole', async (context) => {
  const { stream } = open(context);
  const chunk = 64 * 1024;
  let written = 0;
  while (stream.write(new Uint8Array(chunk).fill(written / chunk))) written += chunk;
  assert.ok(stream.unsentBytes > LIMIT_BYTES - chunk && stream.unsentBytes <= LIMIT_BYTES);
  let heard = '';
  await waitFor(
    () => {
      heard += hear(context.far);
      return heard.length === written;
    },
    { what: 'all that was taken' },
  );
  for (let at = 0; at < written; at += chunk) assert.is(heard.charCodeAt(at), at / chunk);
  assert.is(stream.unsentBytes, 0);
  assert.is(stream.write(bytes('more')), true);
});

test('what waits can be taken out and goes before what comes later when it is put back', async (context) => {
  const { stream } = open(context);
  stream.setQuiet(true);
  assert.is(stream.write(bytes('one ')), true);
  assert.is(stream.write(bytes('two ')), true);
  assert.is(hear(context.far), '');
  assert.is(text(stream.unsent()), 'one two ');
  const taken = stream.takeUnsent();
  assert.equal([stream.unsentBytes, text(taken)], [0, 'one two ']);
  stream.write(bytes('three'));
  stream.putBack(taken);
  stream.setQuiet(false);
  await within(stream.flush(5000), 5000, 'the flush');
  assert.is(hear(context.far), 'one two three');
});

test('quiet, it neither reads nor writes nor ends, and then goes on', async (context) => {
  const { stream, ends } = open(context);
  let told = 0;
  stream.onReadable = () => {
    told += 1;
  };
  stream.setReading(true);
  stream.setQuiet(true);
  writeFd(context.far, bytes('in'));
  shutdownWrite(context.far);
  stream.write(bytes('out'));
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal([told, stream.read(10).length, hear(context.far), ends], [0, 0, '', []]);
  stream.setQuiet(false);
  await waitFor(() => told > 0 && hear(context.far) === 'out', { what: 'both directions' });
  assert.is(text(stream.read(10)), 'in');
  assert.is(stream.read(10).length, 0);
  assert.equal(ends, [null]);
});

test('a peer that leaves is noticed without reading, but not before what it sent was read', async (context) => {
  const first = open(context);
  hangUp(context);
  await waitFor(() => first.ends.length === 1, { what: 'the end' });
  [context.near, context.far] = socketPair(`${context.dir.path}/t`);
  const second = open(context);
  writeFd(context.far, bytes('last words'));
  hangUp(context);
  second.stream.setReading(true);
  second.stream.setReading(false);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal(second.ends, []);
  assert.is(text(second.stream.read(100)), 'last words');
  second.stream.setReading(true);
  second.stream.onReadable = () => second.stream.read(100);
  await waitFor(() => second.ends.length === 1, { what: 'the end' });
  assert.equal(second.ends, [null]);
});

test('output for a peer that left is dropped; its last words are waited for, but not for ever', async (context) => {
  const { stream, ends } = open(context);
  writeFd(context.far, bytes('last words'));
  hangUp(context);
  assert.is(stream.write(bytes('too late')), true);
  assert.equal([ends, stream.unsentBytes, stream.isDeaf], [[], 0, true]);
  assert.is(text(stream.read(4)), 'last');
  await waitFor(() => ends.length === 1, { what: 'the end' });
  assert.match(ends[0]?.message ?? '', /^EPIPE/);
});

test('a peer that hung up unread is told of; in the way, it ends when nothing is taken in time', async (context) => {
  const { stream, ends } = open(context);
  let told = 0;
  stream.onLeaving = () => {
    told += 1;
  };
  writeFd(context.far, bytes('last words'));
  hangUp(context);
  await waitFor(() => told > 0, { what: 'the leaving to be told' });
  assert.equal([ends, text(stream.read(4))], [[], 'last']);
  stream.hurry(0);
  await waitFor(() => ends.length === 1, { what: 'the end' });
  assert.equal([ends, stream.read(10).length, told], [[null], 0, 1]);
});

test('descriptors come with the bytes they were sent with', async (context) => {
  const { stream, ends } = open(context);
  const memory = createMemfd('m', 10);
  sendMessage(context.far, bytes('with'), [memory]);
  sendMessage(context.far, bytes('without'), []);
  closeFd(memory);
  const first = stream.receive(100, 1);
  assert.equal([text(first?.data ?? bytes('')), first?.fds.length], ['with', 1]);
  for (const fd of first?.fds ?? []) closeFd(fd);
  assert.is(text(stream.receive(100, 1)?.data ?? bytes('')), 'without');
  assert.is(stream.receive(100, 1), null);
  hangUp(context);
  assert.is(stream.receive(100, 1), null);
  assert.equal(ends, [null]);
});

test('a file is always ready, and a descriptor that blocks is not waited for', async (context) => {
  const path = `${context.dir.path}/file`;
  writeFileSync(path, 'content');
  const { stream, ends } = open(context, openSync(path, 'r'), { isBlocking: true });
  let heard = '';
  stream.onReadable = () => {
    heard += text(stream.read(3));
  };
  stream.setReading(true);
  await waitFor(() => ends.length === 1, { what: 'the end of the file' });
  assert.is(heard, 'content');
  const fifo = open(context, context.near, { isBlocking: true });
  assert.is(fifo.stream.read(10).length, 0);
});

test('released, the descriptor stays open and as it was', async (context) => {
  const { stream, ends } = open(context);
  context.streams = [];
  stream.write(bytes('before'));
  const fd = stream.release();
  assert.is(isNonBlocking(fd), true);
  writeFd(fd, bytes(', after'));
  assert.is(hear(context.far), 'before, after');
  assert.equal(ends, []);
  closeFd(fd);
});

test.run();
