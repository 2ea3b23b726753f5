/** The front end of the vhost-user protocol, with backends good and bad. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd, createMemfd, readFd, writeFd } from '../../../native/index.js';
import { VhostUserBackend } from '../../../vmm/vhost-user/backend.js';
import { greetBlock } from '../../../vmm/vhost-user/greetings.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { FakeBackend, FEATURES, reply } from './fake-backend.js';

const test = suite('vhost-user block backend');
const RAM_BYTES = 1 << 20;
const RING = {
  index: 0,
  size: 8,
  descriptors: 0x8000_1000,
  available: 0x8000_2000,
  used: 0x8000_3000,
  base: 5,
};

let dir: TempDir;
let path: string;
let ramFd: number;
let backend: FakeBackend;
let served: Promise<void>;
let front: VhostUserBackend | null;
let reasons: string[];

test.before.each(async () => {
  dir = await tempDir();
  path = `${dir.path}/disk`;
  ramFd = createMemfd('ram', RAM_BYTES);
  backend = new FakeBackend(path);
  served = backend.serve();
  reasons = [];
  front = null;
});

test.after.each(async () => {
  front?.close();
  backend.close();
  await served;
  closeFd(ramFd);
  await dir.remove();
});

async function connect(queues = 1): Promise<VhostUserBackend> {
  const ram = { fd: ramFd, baseAddress: 0x8000_0000, sizeBytes: RAM_BYTES };
  front = await VhostUserBackend.connect(path, {
    greet: (connection, memory) => greetBlock(connection, memory, queues),
    ram,
    broke: (reason) => reasons.push(reason),
  });
  return front;
}

async function refusal(queues = 1): Promise<string> {
  try {
    await connect(queues);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected the backend to be refused');
}

const user = () => {
  const events: string[] = [];
  return { events, called: () => events.push('called'), broke: (reason: string) => events.push(reason) };
};

test('greets, gives guest RAM by its descriptor and guest addresses, and learns of the disk', async () => {
  const { facts } = await connect();
  assert.equal(
    backend.story.filter((name) => !name.startsWith('get')),
    ['setProtocolFeatures', 'setOwner', 'setMemTable'],
  );
  const table = backend.heard.find(({ request }) => request === 5);
  const words = [0, 1, 2, 3, 4].map((at) => Number(table?.payload.readBigUInt64LE(8 * at)));
  assert.equal(words, [1, 0x8000_0000, RAM_BYTES, 0x8000_0000, 0]);
  assert.is(table?.fds.length, 1);
  assert.is(facts?.features[0], Number(FEATURES & 0xffff_ffffn));
  assert.is(
    facts?.config.every((byte) => byte === 7),
    true,
  );
});

test('starts rings, passes kicks and calls, and stops them with their bases', async () => {
  const block = await connect();
  const { events, ...handlers } = user();
  block.start(handlers, [1 << 9, 1], [RING]);
  await waitFor(() => backend.story.at(-1) === 'setVringEnable', { what: 'the ring' });
  assert.equal(backend.story.slice(-7), [
    ...['setFeatures', 'setVringNum', 'setVringBase', 'setVringAddr'],
    ...['setVringCall', 'setVringKick', 'setVringEnable'],
  ]);
  const of = (request: number) => backend.heard.find((heard) => heard.request === request);
  assert.is(of(2)?.payload.readBigUInt64LE(0), (1n << 9n) | (1n << 30n) | (1n << 32n));
  assert.is(of(10)?.payload.readUInt32LE(4), 5);
  assert.equal(
    [8, 16, 24].map((at) => Number(of(9)?.payload.readBigUInt64LE(at))),
    [RING.descriptors, RING.used, RING.available],
  );
  block.kick(0);
  const counter = Buffer.alloc(8);
  readFd(of(12)?.fds[0] ?? -1, counter);
  assert.is(counter.readBigUInt64LE(0), 2n, 'one for what was there before, one for the kick');
  writeFd(of(13)?.fds[0] ?? -1, counter);
  await waitFor(() => events.length > 0, { what: 'the call' });
  assert.equal(events, ['called']);
  backend.answers.set(11, () => reply(11, Buffer.from([0, 0, 0, 0, 42, 0, 0, 0])));
  assert.equal(await block.stop([0]), [42]);
});

test('rings stop at once for a reset, and a backend that does not stop is given up', async () => {
  const block = await connect();
  const { events, ...handlers } = user();
  block.start(handlers, [0, 1], [RING]);
  // The backend is of this thread, which waits: it cannot answer.
  const startedAt = performance.now();
  block.stopNow([0], () => true);
  assert.ok(performance.now() - startedAt < 3000);
  assert.match(block.broken ?? '', /does not stop/);
  assert.is(events.length, 1);
  assert.is(reasons.length, 1);
});

const REFUSALS: readonly (readonly [string, number, Uint8Array, RegExp])[] = [
  ['without protocol features', 1, new Uint8Array(8), /no protocol features/],
  ['that does not tell its configuration', 15, new Uint8Array(8), /does not tell the configuration/],
  ['with too few queues', 17, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), /queues supported by the backend is 1$/],
  ['with a short configuration', 24, new Uint8Array(20), /60 bytes of configuration, got 8/],
  ['with a short answer', 1, new Uint8Array(2), /too short/],
  ['with a huge answer', 1, new Uint8Array(5000), /at most 4096 bytes/],
];

for (const [what, request, payload, expected] of REFUSALS) {
  test(`refuses a backend ${what}`, async () => {
    backend.answers.set(request, () => reply(request, payload));
    assert.match(await refusal(2), expected);
  });
}

test('refuses one that answers what was not asked', async () => {
  backend.answers.set(1, () => reply(15, new Uint8Array(8)));
  assert.match(await refusal(), /expected an answer to getFeatures, got 15/);
});

test('refuses one that speaks another version', async () => {
  backend.answers.set(1, () => reply(1, new Uint8Array(8), 6));
  assert.match(await refusal(), /version 1/);
});

test('one that hangs up, or says what nobody asked for, is broken once', async () => {
  const block = await connect();
  const { events, ...handlers } = user();
  block.start(handlers, [0, 1], [RING]);
  backend.send(reply(1, new Uint8Array(8)));
  await waitFor(() => reasons.length > 0, { what: 'the complaint' });
  backend.hangUp();
  block.kick(0);
  block.setConfig(32, Uint8Array.of(1));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal([reasons.length, events.length], [1, 1]);
  assert.match(block.broken ?? '', /answer to nothing/);
});

test('while quiet nothing is heard of it', async () => {
  const block = await connect();
  block.setQuiet(true);
  backend.hangUp();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(block.broken, null);
  block.setQuiet(false);
  await waitFor(() => block.broken !== null, { what: 'the end' });
});

test.run();
