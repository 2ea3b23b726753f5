/** Asking a daemon that is away for a while, and one that does not come back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { askDaemon, askUntilThere } from '../../../daemon/service/ask-daemon.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { within } from '../../helpers/wait.js';

const HOST_MAIN = fileURLToPath(new URL('../../../daemon/service/host-main.js', import.meta.url));
const DEADLINE_MS = 20_000;
const test = suite<{ dir: TempDir; servers: Server[] }>('asking the daemon');

test.before.each(async (context) => {
  context.dir = await tempDir();
  context.servers = [];
});
test.after.each(async ({ dir, servers }) => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await dir.remove();
});

type Answer = (response: ServerResponse, path: string) => void;
const says = (response: ServerResponse, document: object, status = 200) =>
  response.writeHead(status).end(JSON.stringify(document));

async function serve({ servers }: { servers: Server[] }, socketPath: string, answer: Answer): Promise<void> {
  const server = createServer((request, response) => answer(response, request.url ?? ''));
  servers.push(server);
  server.listen(socketPath);
  await once(server, 'listening');
}

test('one that is away is waited for, and one that stops before it has answered is asked again', async (context) => {
  const question = { socketPath: `${context.dir.path}/s`, method: 'POST', path: '/v1/x' } as const;
  const asking = askUntilThere(question);
  const before: Answer[] = [
    (response) => response.destroy(),
    (response) => says(response, { title: 'stopping' }, 503),
  ];
  await serve(context, question.socketPath, (response, path) => {
    const next = before.shift();
    if (next === undefined) says(response, { path });
    else next(response, path);
  });
  assert.equal(await within(asking, DEADLINE_MS, 'an answer'), { path: '/v1/x' });
  assert.equal(before, []);
});

test('one that does not come is given up in the words of the last try', async ({ dir }) => {
  const question = { socketPath: `${dir.path}/s`, method: 'GET', path: '/' } as const;
  assert.match(await askUntilThere(question, 0).then(String, (error) => error.message), /ENOENT/);
  assert.match(await askDaemon(question).then(String, (error) => error.message), /ENOENT/);
});

test('a refusal is not asked for again', async (context) => {
  const question = { socketPath: `${context.dir.path}/s`, method: 'GET', path: '/v1/x' } as const;
  let asked = 0;
  await serve(context, question.socketPath, (response) => {
    asked += 1;
    says(response, { title: 'no' }, 403);
  });
  assert.match(
    await askUntilThere(question).then(String, (error) => error.message),
    /^GET \/v1\/x: 403 .*no/,
  );
  assert.is(asked, 1);
});

test('batond-host shutdown goes on when the daemon is restarted', async (context) => {
  const { path } = context.dir;
  const folders = ['--state-dir', `${path}/state`, '--runtime-dir', path];
  const child = spawn(process.execPath, [HOST_MAIN, 'shutdown', ...folders], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit');
  try {
    let words = '';
    child.stderr.on('data', (chunk) => {
      words += chunk;
    });
    const asked: string[] = [];
    const socketPath = `${path}/batond.sock`;
    await serve(context, socketPath, (response) => response.destroy());
    await new Promise((resolve) => context.servers[0]?.once('request', resolve));
    context.servers[0]?.closeAllConnections();
    await new Promise((resolve) => context.servers.shift()?.close(resolve));
    await serve(context, socketPath, (response, url) => {
      asked.push(url);
      says(response, { operations: [], refused: [] });
    });
    const [code] = await within(exit, DEADLINE_MS, 'batond-host to end');
    assert.is(words, '');
    assert.is(code, 0);
    assert.equal(asked, ['/v1/host/shutdown']);
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
