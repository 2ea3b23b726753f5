/**
 * Each cheap call 100,000 times: the descriptors and mappings of the process stay the same in number, and its
 * resident memory stays flat. A leak of one descriptor, one mapping or fifty bytes a call is seen.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as native from '../../native/index.js';
import { tempDir } from '../helpers/temp-dir.js';
import { nativeError, openFds, socketPair } from './observe.js';

const CALLS = 100_000;
/** For calls that take many system calls each. */
const FEWER_CALLS = 10_000;
const WARM_UP_CALLS = 5_000;
/** The engine's heaps grow now and then, and are then flat; a leak grows in every round. */
const ROUNDS = 3;
const RSS_BOUND_BYTES = 4 * 1024 * 1024;
const MAPPINGS_BOUND = 8;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Usage {
  readonly fds: number;
  readonly mappings: number;
  readonly memfdMappings: number;
  readonly rssBytes: number;
}

function usage(): Usage {
  collectGarbage();
  const maps = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
  return {
    fds: openFds(),
    mappings: maps.length,
    memfdMappings: maps.filter((line) => line.includes('/memfd:')).length,
    rssBytes: process.memoryUsage.rss(),
  };
}

async function repeat(act: () => unknown, calls: number): Promise<void> {
  for (let i = 0; i < calls; i += 1) {
    const result = act();
    if (result instanceof Promise) await result;
  }
}

/** What a round of calls leaves behind; undefined when its memory is flat. */
async function growthOf(act: () => unknown, calls: number): Promise<string | undefined> {
  const before = usage();
  await repeat(act, calls);
  const after = usage();
  assert.is(after.fds, before.fds, 'descriptors');
  assert.is(after.memfdMappings, before.memfdMappings, 'mappings of memory descriptors');
  const mappings = after.mappings - before.mappings;
  const rssBytes = after.rssBytes - before.rssBytes;
  if (mappings <= MAPPINGS_BOUND && rssBytes <= RSS_BOUND_BYTES) return undefined;
  return `${mappings} mappings and ${rssBytes} bytes`;
}

async function assertFlat(act: () => unknown, calls: number): Promise<void> {
  await repeat(act, WARM_UP_CALLS);
  const growths: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const growth = await growthOf(act, calls);
    if (growth === undefined) return;
    growths.push(growth);
  }
  assert.unreachable(`expected ${calls} calls to leave nothing, each round left ${growths.join(', ')}`);
}

const leaks = suite('leaks');
const dir = await tempDir();
const [near, far] = socketPair(`${dir.path}/pair`);
const listener = native.listenUnix(`${dir.path}/listener`, 1);
const memfd = native.createMemfd('ram', 65536);
const pidfd = native.pidfdOpen(process.pid);
const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
const view = new Uint8Array(memory.buffer, 65536, 65536);
const data = Buffer.from('some bytes of a message');
const into = new Uint8Array(64);

leaks.after(async () => {
  for (const fd of [near, far, listener, memfd, pidfd]) native.closeFd(fd);
  await dir.remove();
});

const CYCLES: Readonly<Record<string, () => unknown>> = {
  'createMemfd and closeFd': () => native.closeFd(native.createMemfd('short-lived', 4096)),
  'mapShared and unmapShared': () => {
    native.mapShared(view, memfd, 0);
    native.unmapShared(view);
  },
  'mapShared over a mapping, touched': () => {
    native.mapShared(view, memfd, 0);
    view[0] = 1;
  },
  'discardPages, touched': () => {
    view[0] = 1;
    native.discardPages(view);
  },
  'sendMessage and receiveMessage': () => {
    native.sendMessage(near, data, []);
    native.receiveMessage(far, 4096, 0);
  },
  'sendMessage and receiveMessage with descriptors': () => {
    native.sendMessage(near, data, [memfd, memfd]);
    native.receiveMessage(far, 4096, 2)?.fds.map(native.closeFd);
  },
  'receiveMessage that closes too many descriptors': () => {
    native.sendMessage(near, data, [memfd, memfd]);
    nativeError(() => native.receiveMessage(far, 4096, 1));
  },
  'receiveMessage with nothing there': () => native.receiveMessage(far, 65536, 8),
  'acceptUnix with nobody there': () => native.acceptUnix(listener),
  'pollFd of what is ready': () => native.pollFd(near, native.POLLOUT, 1000),
  'writeFd, readableBytes, readyEvents and readFd': () => {
    native.writeFd(near, data);
    if (native.readyEvents(far, native.POLLIN) !== native.POLLIN)
      throw new Error('expected bytes to be there');
    if (native.readableBytes(far) !== data.length) throw new Error('expected all bytes to be there');
    native.readFd(far, into);
  },
  'readFd with nothing there': () => native.readFd(far, into),
  setCloseOnExec: () => native.setCloseOnExec(memfd, true),
  duplicateFd: () => native.closeFd(native.duplicateFd(memfd)),
  'pidfdOpen and pidfdSendSignal': () => {
    const opened = native.pidfdOpen(process.pid);
    native.pidfdSendSignal(opened, 0);
    native.closeFd(opened);
  },
  pidfdGetFd: () => native.closeFd(native.pidfdGetFd(pidfd, memfd)),
  'lockOfd, testOfd and unlockOfd': () => {
    native.lockOfd(memfd, 'write', 0, 1);
    native.testOfd(memfd, 'read', 0, 1);
    native.unlockOfd(memfd, 0, 1);
  },
  peerCredentials: () => native.peerCredentials(near),
  peerGroups: () => native.peerGroups(near),
};

const FAILURES: Readonly<Record<string, () => unknown>> = {
  closeFd: () => native.closeFd(99_999),
  mapShared: () => native.mapShared(view, 99_999, 0),
  'mapShared beyond the file': () => native.mapShared(view, memfd, 4096),
  'listenUnix in no folder': () => native.listenUnix(`${dir.path}/none/socket`, 1),
  'connectUnix to nobody': () => native.connectUnix(`${dir.path}/none`),
  'sendMessage of a closed descriptor': () => native.sendMessage(near, data, [memfd, 99_999]),
  receiveMessage: () => native.receiveMessage(memfd, 65536, 8),
  readFd: () => native.readFd(99_999, into),
  writeFd: () => native.writeFd(99_999, data),
  'watchFd of a file': () => native.watchFd(memfd, () => {}),
  ptyPath: () => native.ptyPath(memfd),
  pidfdOpen: () => native.pidfdOpen(2 ** 31 - 1),
  lockOfd: () => native.lockOfd(99_999, 'read', 0, 1),
  peerCredentials: () => native.peerCredentials(memfd),
  peerGroups: () => native.peerGroups(memfd),
};

const EXPENSIVE: Readonly<Record<string, () => unknown>> = {
  'listenUnix and closeFd': () => native.closeFd(native.listenUnix(`${dir.path}/again`, 1)),
  'connectUnix and acceptUnix': () => {
    native.closeFd(native.connectUnix(`${dir.path}/listener`));
    native.closeFd(native.acceptUnix(listener) ?? -1);
  },
  'pollFd that waits for an event': async () => {
    const waits = [native.pollFd(near, native.POLLIN, 10_000), native.pollFd(near, native.POLLIN, 10_000)];
    native.sendMessage(far, data, []);
    await Promise.all(waits);
    native.receiveMessage(near, 4096, 0);
  },
  'watchFd that tells and ends': async () => {
    native.sendMessage(far, data, []);
    await new Promise<void>((resolve) => {
      const watch = native.watchFd(near, () => {
        watch.end();
        resolve();
      });
      watch.set(native.POLLIN);
    });
    native.receiveMessage(near, 4096, 0);
  },
  'openPty and ptyPath': () => {
    const fd = native.openPty();
    native.ptyPath(fd);
    native.closeFd(fd);
  },
  'failing: execve': () => {
    nativeError(() => native.execve('/none/program', ['program', 'argument'], ['NAME=value'], [memfd, near]));
  },
};

for (const [name, cycle] of Object.entries(CYCLES)) leaks(name, () => assertFlat(cycle, CALLS));
for (const [name, act] of Object.entries(FAILURES)) {
  leaks(`failing: ${name}`, () => assertFlat(() => nativeError(act), CALLS));
}
for (const [name, cycle] of Object.entries(EXPENSIVE)) leaks(name, () => assertFlat(cycle, FEWER_CALLS));

leaks('pollFd that times out, many at a time', async () => {
  const cycle = () => Promise.all(Array.from({ length: 400 }, () => native.pollFd(near, native.POLLIN, 1)));
  await cycle();
  const before = usage();
  for (let i = 0; i < 25; i += 1) await cycle();
  assert.is(usage().fds, before.fds);
  assert.ok(usage().rssBytes - before.rssBytes <= RSS_BOUND_BYTES);
});

leaks.run();
