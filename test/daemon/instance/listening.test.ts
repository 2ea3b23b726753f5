import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listeningAt } from '../../../daemon/instance/listening.js';
import { tempDir } from '../../helpers/temp-dir.js';

const test = suite('listening sockets');

test('a socket counts when its owner listens, and nobody is connected to it', async () => {
  const dir = await tempDir();
  const path = `${dir.path}/a.sock`;
  let connections = 0;
  const server = createServer(() => {
    connections += 1;
  });
  const isListening = listeningAt(path);
  assert.is(isListening(), false);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  assert.is(isListening(), true);
  await new Promise((resolve) => server.close(resolve));
  assert.is(connections, 0);
  await dir.remove();
});

test('a file that the kernel does not list, as a renamed socket, counts after a moment', async () => {
  const dir = await tempDir();
  const path = `${dir.path}/a.sock`;
  writeFileSync(path, '');
  let nowMs = 0;
  const isListening = listeningAt(path, () => nowMs);
  assert.is(isListening(), false);
  nowMs = 10;
  assert.is(isListening(), false);
  nowMs = 30;
  assert.is(isListening(), true);
  await dir.remove();
});

test.run();
