/** The console session over a real socket, on baton-vmm. */
import { statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { App } from '../../../daemon/app.js';
import { echo } from '../../guests/echo.js';
import { waitFor } from '../../helpers/wait.js';
import { ConsoleClient } from '../console-client.js';
import {
  call,
  createMachine,
  type Folders,
  makeFolders,
  perform,
  startApp,
  tearDown,
  upgradeEnd,
} from '../fixture.js';

interface Context {
  folders: Folders;
  app: App;
  id: string;
  socketPath: string;
  clients: ConsoleClient[];
  connect(query?: string): Promise<ConsoleClient>;
}

const test = suite<Context>('console session');

test.before.each(async (context) => {
  context.folders = await makeFolders();
  writeFileSync(context.folders.kernel, echo().bytes);
  context.app = await startApp(context.folders);
  context.socketPath = `${context.folders.path}/api.sock`;
  await context.app.server.listen({ path: context.socketPath });
  context.id = await createMachine(context.app, context.folders);
  context.clients = [];
  context.connect = async (query) => {
    const client = await ConsoleClient.connect(context.socketPath, context.id, query);
    context.clients.push(client);
    return client;
  };
});

test.after.each(async ({ folders, app, clients }) => {
  for (const client of clients) client.close();
  await tearDown(folders, app);
});

const url = (id: string, action: string) => `/v1/machines/${id}/${action}`;

test('a session on a stopped machine waits for the start, and then both sides hear one another', async (context) => {
  const client = await context.connect();
  await waitFor(() => client.messages.length > 0, { what: 'the position' });
  assert.equal(client.messages, [{ position: '1:0' }]);
  await perform(context.app, url(context.id, 'start'));
  await client.sees(/echo: start\n/);
  client.type('hello');
  await client.sees(/hello$/);
  assert.is(client.text, 'echo: start\nhello');
  assert.is(client.position, '1:17');
});

test('scroll-back is as long as asked, and goes back over generations', async (context) => {
  const { app, id } = context;
  await perform(app, url(id, 'start'));
  const first = await context.connect();
  await first.sees(/start\n/);
  await perform(app, url(id, 'kill'));
  await perform(app, url(id, 'start'));
  await first.sees(/start\necho: start\n/);
  assert.equal(first.messages, [{ position: '1:0' }, { position: '2:0' }]);
  for (const [query, position, text] of [
    ['', '1:0', 'echo: start\necho: start\n'],
    ['?tail=18', '1:6', 'start\necho: start\n'],
    ['?tail=6', '2:6', 'start\n'],
    ['?after=1:6', '1:6', 'start\necho: start\n'],
    ['?after=2:11', '2:11', '\n'],
  ] as const) {
    const client = await context.connect(query);
    await waitFor(() => client.text.length >= text.length, { what: `the text after ${query}` });
    assert.equal([query, client.messages[0]?.position, client.text], [query, position, text]);
    client.close();
  }
  const latest = await context.connect('?tail=0');
  await waitFor(() => latest.messages.length > 0, { what: 'the position' });
  first.type('x');
  await latest.sees(/x/);
  assert.is(latest.text, 'x');
});

test('messages of several writers come in turn, each as a whole; all readers see the same', async (context) => {
  await perform(context.app, url(context.id, 'start'));
  const [one, two] = [await context.connect(), await context.connect()];
  await one.sees(/start\n/);
  const word = (letter: string) => letter.repeat(60);
  for (const letter of 'abcdefgh') {
    one.type(`${word(letter)}\n`);
    two.type(`${word(letter.toUpperCase())}\n`);
  }
  const length = 'echo: start\n'.length + 16 * 61;
  await waitFor(() => one.text.length === length && two.text.length === length, { what: 'all to be echoed' });
  assert.is(one.text, two.text);
  const lines = one.text.split('\n').slice(1, -1);
  const expected = [...'abcdefghABCDEFGH'].map(word);
  assert.equal([...lines].sort(), [...expected].sort());
  assert.equal(
    lines.filter((line) => line < 'a'),
    [...'ABCDEFGH'].map(word),
  );
});

test('more than the queue holds is taken in time, in order', async (context) => {
  await perform(context.app, url(context.id, 'start'));
  const client = await context.connect();
  await client.sees(/start\n/);
  const paste = Array.from({ length: 20_000 }, (_, n) => String.fromCharCode(32 + (n % 90))).join('');
  for (let at = 0; at < paste.length; at += 5_000) client.type(paste.slice(at, at + 5_000));
  const all = () => client.text.length >= paste.length + 12;
  await waitFor(all, { deadlineMs: 40_000, what: 'the paste to be echoed' });
  assert.ok(client.text === `echo: start\n${paste}`);
});

test('what is typed while nothing runs is dropped, and the writer is told', async (context) => {
  const client = await context.connect();
  client.type('hello?');
  await waitFor(() => client.messages.length > 1, { what: 'the word about it' });
  assert.equal(client.messages[1], { inputDropped: 6 });
  await perform(context.app, url(context.id, 'start'));
  await client.sees(/start\n/);
  client.type('!');
  await client.sees(/!/);
  assert.is(client.text, 'echo: start\n!');
});

test('typing into a paused machine waits until it is resumed', async (context) => {
  const { app, id } = context;
  await perform(app, url(id, 'start'));
  const client = await context.connect();
  await client.sees(/start\n/);
  await perform(app, url(id, 'pause'));
  client.type('0123456789abcdefghijklmnopqrstuvwxyz');
  await waitFor(() => app.services.consoles.input(id).isFull === false, { what: 'the input to be queued' });
  await perform(app, url(id, 'resume'));
  await client.sees(/z$/);
  assert.is(client.text, 'echo: start\n0123456789abcdefghijklmnopqrstuvwxyz');
});

test('a session goes through an upgrade, and what is typed meanwhile arrives once', async (context) => {
  const { app, id } = context;
  await perform(app, url(id, 'start'));
  const client = await context.connect();
  await client.sees(/start\n/);
  let sent = '';
  const typing = setInterval(() => {
    const text = String(sent.length % 10);
    sent += text;
    client.type(text);
  }, 3);
  const upgrade = await upgradeEnd(app, id);
  clearInterval(typing);
  assert.is(upgrade.state, 'succeeded', JSON.stringify(upgrade.reason));
  client.type('.');
  await client.sees(/\.$/);
  assert.is(client.text, `echo: start\n${sent}.`);
  assert.is(client.generation, 2);
  assert.ok(statSync(`${context.folders.stateDir}/machines/${id}/2/console.log`).size > 0);
});

test('the session of a deleted machine is told and closed', async (context) => {
  const client = await context.connect();
  await waitFor(() => client.messages.length > 0, { what: 'the position' });
  assert.is((await call(context.app, 'DELETE', `/v1/machines/${context.id}`)).status, 204);
  const { code, error } = await client.refusal();
  assert.equal([code, error.code], [4404, 'machine_not_found']);
});

test('positions that were never reached, and logs that are gone, are told with where to go on', async (context) => {
  const { app, id, folders } = context;
  for (const query of ['?after=1:5', '?after=2:0', '?after=999999999:999999999999999']) {
    const { code, error } = await (await context.connect(query)).refusal();
    assert.equal([query, code, error.code, error.last], [query, 4400, 'console_not_reached', '1:0']);
  }
  for (let generation = 1; generation <= 10; generation += 1) {
    await perform(app, url(id, 'start'));
    const path = `${folders.stateDir}/machines/${id}/${generation}/console.log`;
    await waitFor(() => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= 12, { what: 'output' });
    await perform(app, url(id, 'kill'));
  }
  const { code, error } = await (await context.connect('?after=1:5')).refusal();
  assert.equal([code, error.code, error.first], [4410, 'console_gone', '3:0']);
  const all = await context.connect('?after=3:0');
  await waitFor(() => all.text.length === 8 * 12, { what: 'all that is kept' });
  const tail = await context.connect('?tail=1000000');
  await waitFor(() => tail.text.length === 8 * 12, { what: 'all that is kept' });
});

test('garbage is refused: before the session where it can be seen, in the session otherwise', async (context) => {
  const refused = async (query: string) => {
    const error = await context.connect(query).catch((reason: Error) => reason);
    return error instanceof Error ? /\d{3}/.exec(error.message)?.[0] : 'connected';
  };
  for (const query of [
    '?after=x',
    '?after=1',
    '?after=0:1',
    '?after=1:-1',
    '?after=1:01',
    '?after=1:1&tail=1',
    '?tail=-1',
    '?tail=1e3',
    '?readonly=maybe',
    '?force=1',
  ]) {
    assert.equal([query, await refused(query)], [query, '400']);
  }
  const unknown = await ConsoleClient.connect(context.socketPath, 'nobody').catch((error: Error) => error);
  assert.match((unknown as Error).message, /404/);
  const plain = await call(context.app, 'GET', url(context.id, 'console'));
  assert.equal([plain.status, plain.body.code], [426, 'upgrade_required']);
  const text = await context.connect();
  text.socket.send('words');
  assert.equal((await text.refusal()).error.code, 'invalid_request');
  const reader = await context.connect('?readonly');
  reader.type('x');
  assert.match((await reader.refusal()).error.detail, /readonly/);
});

test('one more session than allowed is refused, and one that ends makes room', async (context) => {
  const sessions: ConsoleClient[] = [];
  for (let n = 0; n < 32; n += 1) sessions.push(await context.connect());
  const { code, error } = await (await context.connect()).refusal();
  assert.equal([code, error.code], [4429, 'too_many_consoles']);
  sessions[0]?.close();
  await waitFor(
    async () => {
      const client = await context.connect();
      await waitFor(() => client.messages.length > 0, { what: 'an answer' });
      return client.messages[0]?.error === undefined;
    },
    { what: 'room for a session' },
  );
});

test('when the daemon stops, sessions are told that they can come back', async (context) => {
  const client = await context.connect();
  await context.app.close(1_000);
  assert.is((await client.closed).code, 1001);
  context.app = await startApp(context.folders);
});

test.run();
