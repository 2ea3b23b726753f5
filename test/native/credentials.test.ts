import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptUnix,
  closeFd,
  createMemfd,
  listenUnix,
  peerCredentials,
  peerGroups,
} from '../../native/index.js';
import { skipSuite } from '../helpers/skip.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor, within } from '../helpers/wait.js';
import { nativeError, socketPair } from './observe.js';
import { Peer, stopPeers } from './peer.js';

const credentials = suite('credentials');

credentials.after.each(stopPeers);

credentials('of a connection inside this process: this process', async () => {
  const dir = await tempDir();
  const [client, server] = socketPair(`${dir.path}/socket`);
  const own = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  assert.equal(peerCredentials(client), own);
  assert.equal(peerCredentials(server), own);
  assert.equal(new Set([own.gid, ...peerGroups(client)]), new Set(process.getgroups?.()));
  closeFd(client);
  closeFd(server);
  await dir.remove();
});

credentials('of another process: its number, also after it has ended', async () => {
  const dir = await tempDir();
  const listener = listenUnix(`${dir.path}/socket`, 1);
  const peer = await Peer.start();
  await peer.call('connectUnix', `${dir.path}/socket`);
  const server = await waitFor(() => acceptUnix(listener), { what: 'the connection of the peer' });
  assert.is(peerCredentials(server).pid, peer.pid);
  await peer.stop();
  assert.is(peerCredentials(server).pid, peer.pid);
  closeFd(server);
  closeFd(listener);
  await dir.remove();
});

if (process.getuid?.() === 0) {
  credentials('of another user in many groups: all of them', async () => {
    const dir = await tempDir();
    chmodSync(dir.path, 0o755);
    const listener = listenUnix(`${dir.path}/socket`, 1);
    chmodSync(`${dir.path}/socket`, 0o666);
    const groups = Array.from({ length: 100 }, (_, index) => 70_000 + index);
    const user = ['--reuid', '65534', '--regid', '65533', '--groups', groups.join(',')];
    const program = `require('net').connect(${JSON.stringify(`${dir.path}/socket`)}).on('close', () => {})`;
    const child = spawn('setpriv', [...user, process.execPath, '-e', program], { stdio: 'ignore' });
    const server = await waitFor(() => acceptUnix(listener), { what: 'the connection of the other user' });
    assert.equal(peerCredentials(server), { pid: child.pid, uid: 65_534, gid: 65_533 });
    assert.equal(
      peerGroups(server).toSorted((one, another) => one - another),
      groups,
    );
    const exit = once(child, 'exit');
    closeFd(server);
    closeFd(listener);
    await within(exit, 10_000, 'the other user to leave');
    await dir.remove();
  });
} else {
  skipSuite('credentials of another user', 'only root can be another user');
}

credentials('what is no socket: ENOTSOCK', () => {
  const memfd = createMemfd('ram', 1);
  const error = nativeError(() => peerCredentials(memfd));
  assert.is(error.code, 'ENOTSOCK');
  assert.is(error.syscall, 'getsockopt');
  assert.match(error.message, `credentials of the peer of descriptor ${memfd}`);
  assert.is(nativeError(() => peerGroups(memfd)).code, 'ENOTSOCK');
  assert.throws(() => peerCredentials(-1), /expected fd/);
  assert.throws(() => peerGroups(-1), /expected fd/);
  closeFd(memfd);
});

credentials.run();
