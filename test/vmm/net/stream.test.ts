/** Over real unix sockets: the test is the other side. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptUnix,
  closeFd,
  listenUnix,
  pidfdGetFd,
  pidfdOpen,
  readFd,
  writeFd,
} from '../../../native/index.js';
import type { NetUser } from '../../../vmm/devices/virtio-net/backend.js';
import type { NetdevState } from '../../../vmm/net/netdev.js';
import { StreamNetdev } from '../../../vmm/net/stream.js';
import type { StreamOptions } from '../../../vmm/options/netdev-options.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

interface Context {
  directory: TempDir;
  options: StreamOptions;
  listener: number;
  open: StreamNetdev[];
  fds: number[];
}

class User implements NetUser {
  readonly frames: number[][] = [];
  writables = 0;
  readonly #netdev: StreamNetdev;

  constructor(netdev: StreamNetdev) {
    this.#netdev = netdev;
  }

  readable(): void {
    for (let frame = this.#netdev.receive(); frame !== null; frame = this.#netdev.receive()) {
      this.frames.push([...frame]);
    }
  }

  writable(): void {
    this.writables++;
  }
}

const test = suite<Context>('frames over a stream');

test.before.each(async (context) => {
  context.directory = await tempDir();
  const path = `${context.directory.path}/socket`;
  context.options = { type: 'stream', id: 'net0', path, fd: null, reconnectMs: 0 };
  context.listener = listenUnix(path, 4);
  context.open = [];
  context.fds = [];
});

test.after.each(async ({ directory, listener, open, fds }) => {
  for (const netdev of open) netdev.close();
  for (const fd of fds) closeFd(fd);
  closeFd(listener);
  await directory.remove();
});

const told: string[] = [];
const events = {
  connected: (id: string) => void told.push(`connected ${id}`),
  disconnected: (id: string) => void told.push(`disconnected ${id}`),
};

function connect(
  context: Context,
  more: Partial<StreamOptions> = {},
): { netdev: StreamNetdev; peer: number } {
  told.length = 0;
  const netdev = new StreamNetdev({ ...context.options, ...more }, null, events);
  context.open.push(netdev);
  const peer = acceptUnix(context.listener);
  assert.ok(peer !== null);
  context.fds.push(peer);
  return { netdev, peer };
}

/** What came of it in the next process: a backend with a copy of the descriptor. */
function goesOn({ options, open }: Context, source: StreamNetdev): StreamNetdev {
  const [carried] = source.carry();
  const self = pidfdOpen(process.pid);
  const next = new StreamNetdev(options, pidfdGetFd(self, (carried as { fd: number }).fd), events);
  closeFd(self);
  next.load(source.save());
  open.push(next);
  return next;
}

function framed(...frames: number[][]): Buffer {
  return Buffer.concat(
    frames.map((frame) => {
      const bytes = Buffer.alloc(4 + frame.length);
      bytes.writeUInt32BE(frame.length);
      bytes.set(frame, 4);
      return bytes;
    }),
  );
}

function readAll(fd: number): Buffer {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(65536);
    const sizeBytes = readFd(fd, piece);
    if (sizeBytes === null || sizeBytes === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, sizeBytes));
  }
}

const FRAME = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

test('frames in pieces are put together, and one that was put back comes again', async (context) => {
  const { netdev, peer } = connect(context);
  assert.equal(told, ['connected net0']);
  const bytes = framed(FRAME, [...FRAME, 16], [...FRAME, 17, 18]);
  const user = new User(netdev);
  netdev.start(user);
  netdev.setReading(true);
  for (const byte of bytes.subarray(0, 30)) writeFd(peer, Uint8Array.of(byte));
  await waitFor(() => user.frames.length === 1, { what: 'one frame' });
  netdev.setReading(false);
  writeFd(peer, bytes.subarray(30));
  assert.equal([...(netdev.receive() ?? [])], [...FRAME, 16]);
  netdev.putBack();
  assert.equal([...(netdev.receive() ?? [])], [...FRAME, 16]);
  assert.equal([...(netdev.receive() ?? [])], [...FRAME, 17, 18]);
  assert.is(netdev.receive(), null);
});

test('nothing is told while it is stopped, and all of it after', async (context) => {
  const { netdev, peer } = connect(context);
  const user = new User(netdev);
  netdev.start(user);
  netdev.setReading(true);
  netdev.stop();
  writeFd(peer, framed(FRAME));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(user.frames, []);
  netdev.start(user);
  netdev.setReading(true);
  await waitFor(() => user.frames.length === 1, { what: 'the frame' });
});

test('a full socket takes part of a frame: the rest goes first, also from the next process', async (context) => {
  const { netdev, peer } = connect(context);
  const user = new User(netdev);
  netdev.start(user);
  const sent: Buffer[] = [];
  for (let number = 0; ; number++) {
    const frame = Buffer.alloc(60_001, number);
    if (!netdev.send([frame.subarray(0, 7), frame.subarray(7)])) break;
    sent.push(frame);
  }
  const state: NetdevState = netdev.save();
  assert.ok(state.unsent.length > 0 && state.unsent.length < 60_005, 'a frame is half in the socket');
  netdev.stop();
  const next = goesOn(context, netdev);
  const nextUser = new User(next);
  next.start(nextUser);
  next.awaitWritable();
  const received: Buffer[] = [];
  const wanted = sent.length * 60_005;
  const total = () => received.reduce((sum, { length }) => sum + length, 0);
  await waitFor(() => received.push(readAll(peer)) && total() >= wanted, { what: 'all frames' });
  assert.equal(Buffer.compare(Buffer.concat(received), framed(...sent.map((frame) => [...frame]))), 0);
  assert.is(nextUser.writables, 1);
});

test('half a frame that was read goes on in the next process', (context) => {
  const { netdev, peer } = connect(context);
  const bytes = framed(FRAME, FRAME);
  netdev.start(new User(netdev));
  writeFd(peer, bytes.subarray(0, 25));
  assert.equal([...(netdev.receive() ?? [])], FRAME);
  assert.is(netdev.receive(), null);
  const next = goesOn(context, netdev);
  next.start(new User(next));
  writeFd(peer, bytes.subarray(25));
  assert.equal([...(next.receive() ?? [])], FRAME);
});

for (const [name, bytes] of [
  ['of no length', Buffer.alloc(4)],
  ['of 4 GiB', Buffer.alloc(4, 0xff)],
] as const) {
  test(`a frame ${name} ends the connection`, (context) => {
    const { netdev, peer } = connect(context);
    netdev.start(new User(netdev));
    writeFd(peer, bytes);
    assert.is(netdev.receive(), null);
    assert.equal(told, ['connected net0', 'disconnected net0']);
    assert.ok(netdev.send([Buffer.alloc(60)]), 'it is lost');
  });
}

test('it connects again, with what was half through forgotten', async (context) => {
  const { netdev, peer } = connect(context, { reconnectMs: 5 });
  const user = new User(netdev);
  netdev.start(user);
  netdev.setReading(true);
  writeFd(peer, framed(FRAME).subarray(0, 9));
  context.fds.splice(context.fds.indexOf(peer), 1);
  closeFd(peer);
  const again = await waitFor(() => acceptUnix(context.listener), { what: 'a new connection' });
  context.fds.push(again);
  writeFd(again, framed([...FRAME, 99]));
  await waitFor(() => user.frames.length === 1, { what: 'a frame' });
  assert.equal(user.frames, [[...FRAME, 99]]);
  assert.equal(told, ['connected net0', 'disconnected net0', 'connected net0']);
});

test('a peer that goes while the descriptor is carried is left alone until the guest is kept', async (context) => {
  const { netdev, peer } = connect(context, { reconnectMs: 5 });
  netdev.start(new User(netdev));
  netdev.setReading(true);
  const [carried] = netdev.carry();
  context.fds.splice(context.fds.indexOf(peer), 1);
  closeFd(peer);
  assert.is(netdev.receive(), null);
  assert.equal(told, ['connected net0']);
  assert.is(readFd((carried as { fd: number }).fd, new Uint8Array(1)), 0, 'it is still open');
  netdev.carried('kept');
  assert.equal(told, ['connected net0', 'disconnected net0']);
  context.fds.push(await waitFor(() => acceptUnix(context.listener), { what: 'a new connection' }));
});

test('nobody there is said, or tried again', async (context) => {
  const path = `${context.directory.path}/none`;
  const netdev = new StreamNetdev({ ...context.options, path }, null, events);
  assert.match(netdev.summary, /^error: Failed to connect to '.*none'/);
  assert.ok(netdev.send([Buffer.alloc(60)]));
  const patient = new StreamNetdev({ ...context.options, path, reconnectMs: 5 }, null, events);
  context.open.push(netdev, patient);
  assert.is(patient.summary, 'connecting');
  const listener = listenUnix(path, 1);
  context.fds.push(listener);
  await waitFor(() => patient.summary === `unix:${path}`, { what: 'a connection' });
});

test.run();
