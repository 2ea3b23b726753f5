import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isListening } from '../../../daemon/instance/unix-listener.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';

const test = suite<{ dir: TempDir }>('unix listener');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(({ dir }) => dir.remove());

test('a listener is seen and is not disturbed; its clients are none', async ({ dir }) => {
  const path = `${dir.path}/with a space.sock`;
  assert.not(isListening(path));
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
  });
  server.listen(path);
  await once(server, 'listening');
  assert.ok(isListening(path));
  assert.not(isListening(path.slice(1)));
  assert.not(isListening(`${dir.path}/with`));
  assert.is(connections, 0);
  const client = createConnection(path);
  await once(client, 'connect');
  const closed = once(server, 'close');
  server.close();
  assert.not(isListening(path), 'the connection that is left listens nowhere');
  client.destroy();
  await closed;
});

test('the file that a dead listener left is none', async ({ dir }) => {
  const path = `${dir.path}/left.sock`;
  const program = `require('net').createServer().listen(${JSON.stringify(path)})`;
  const child = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await waitFor(() => isListening(path), { what: 'the child to listen' });
  child.kill('SIGKILL');
  await ended;
  assert.ok(existsSync(path));
  assert.not(isListening(path));
});

test.run();
