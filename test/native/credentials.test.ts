import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptUnix, closeFd, createMemfd, listenUnix, peerCredentials } from '../../native/index.js';
import { tempDir } from '../helpers/temp-dir.js';
import { waitFor } from '../helpers/wait.js';
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

credentials('what is no socket: ENOTSOCK', () => {
  const memfd = createMemfd('ram', 1);
  const error = nativeError(() => peerCredentials(memfd));
  assert.is(error.code, 'ENOTSOCK');
  assert.is(error.syscall, 'getsockopt');
  assert.match(error.message, `credentials of the peer of descriptor ${memfd}`);
  assert.throws(() => peerCredentials(-1), /expected fd/);
  closeFd(memfd);
});

credentials.run();
