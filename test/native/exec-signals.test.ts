/**
 * Signals across exec. Node itself ignores SIGPIPE but blocks nothing and has no call that would, so a library
 * whose constructor blocks a signal is compiled here.
 */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { fieldOf, procField } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const SIGUSR2_BIT = 1n << 11n;
const SIGPIPE_BIT = 1n << 12n;
const BLOCK_SIGUSR2 = `
  #include <signal.h>
  __attribute__((constructor)) static void block() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }`;

const exec = suite<{ dir: TempDir; peer: Peer }>('exec, signals');

exec.before.each(async (context) => {
  context.dir = await tempDir();
  context.peer = await Peer.start();
  const library = `${context.dir.path}/block.so`;
  const options = ['-shared', '-fPIC', '-x', 'c++', '-o', library, '-'];
  assert.is(
    spawnSync('g++', options, { input: BLOCK_SIGUSR2, stdio: ['pipe', 'inherit', 'inherit'] }).status,
    0,
  );
  assert.match(await context.peer.call<string>('loadLibrary', library), 'did not self-register');
});
exec.after.each(async (context) => {
  await stopPeers();
  await context.dir.remove();
});

/** A mask of signals of a process, as /proc shows it. */
function signals(pid: number, which: 'SigBlk' | 'SigIgn'): bigint {
  return BigInt(`0x${procField(`${pid}/status`, which)}`);
}

exec('the new program starts with no signal blocked or ignored', async ({ peer }) => {
  assert.is(signals(peer.pid, 'SigBlk') & SIGUSR2_BIT, SIGUSR2_BIT, 'blocked before');
  assert.is(signals(peer.pid, 'SigIgn') & SIGPIPE_BIT, SIGPIPE_BIT, 'ignored before');
  const status = await peer.lastWords('execve', '/bin/cat', ['cat', '/proc/self/status'], [], []);
  assert.is(fieldOf(status, 'Pid'), String(peer.pid));
  assert.is(fieldOf(status, 'SigBlk'), '0000000000000000');
  assert.is(fieldOf(status, 'SigIgn'), '0000000000000000');
});

exec('after a failure the same signals are blocked and ignored as before', async ({ peer }) => {
  const before = [signals(peer.pid, 'SigBlk'), signals(peer.pid, 'SigIgn')];
  assert.is((await peer.failure('execve', '/none/program', ['program'], [], [])).code, 'ENOENT');
  assert.equal([signals(peer.pid, 'SigBlk'), signals(peer.pid, 'SigIgn')], before);
  assert.ok(((before[0] ?? 0n) & SIGUSR2_BIT) !== 0n);
  assert.ok(((before[1] ?? 0n) & SIGPIPE_BIT) !== 0n);
});

if (spawnSync('g++', ['--version']).status === 0) exec.run();
else skipSuite('exec, signals', 'g++ is not installed (Debian: apt install g++)');
