import { writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MachineHandle } from '../../../vmm/machine/handle.js';
import type { GuestMemory } from '../../../vmm/memory/guest-memory.js';
import { parseOptions } from '../../../vmm/options/options.js';
import { ProcessLife } from '../../../vmm/process-life.js';
import { COMMANDS } from '../../../vmm/qmp/commands/index.js';
import { startVmm } from '../../../vmm/start.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';
import { waitFor } from '../../helpers/wait.js';
import { FakeMachine } from '../fake-machine.js';
import { QmpClient } from '../qmp-client.js';

let dir: TempDir;
let path: string;
let machine: FakeMachine;
let exits: number[];
let life: ProcessLife;
/** Lets the machine come into being; until then commands wait. */
let finishMachine: () => void;
const clients: QmpClient[] = [];

async function startServer(...extra: string[]): Promise<void> {
  const kernel = `${dir.path}/kernel`;
  writeFileSync(kernel, 'no kernel: the machine is a fake');
  const options = parseOptions([
    ...['-machine', 'virt,memory-backend=ram0,aux-ram-share=on', '-m', '64M', '-kernel', kernel],
    ...['-object', 'memory-backend-memfd,id=ram0,size=64M,share=on', '-name', 'web1'],
    ...['-uuid', '550e8400-e29b-41d4-a716-446655440000', '-serial', 'null', '-display', 'none'],
    ...['-qmp', `unix:${path},server=on,wait=off`, ...extra],
  ]);
  const memory = { fd: null, share: true, sizeBytes: 64 * 2 ** 20, backendId: 'ram0' } as GuestMemory;
  const built = new Promise<void>((resolve) => {
    finishMachine = resolve;
  });
  const createMachine = async (
    ...[, , , events]: Parameters<Parameters<typeof startVmm>[1]['createMachine']>
  ) => {
    machine.events = events;
    await built;
    return machine as MachineHandle;
  };
  exits = [];
  const exit = (code: number) => exits.push(code) as never;
  life = new ProcessLife({ exit, stderr: () => {} });
  const started = startVmm(options, { createGuestMemory: () => memory, createMachine }, life, null);
  started.catch((error: Error) => life.fail(error.message));
}

async function open(): Promise<QmpClient> {
  const client = await QmpClient.open(path);
  clients.push(client);
  return client;
}

async function ready(): Promise<QmpClient> {
  const client = await open();
  await client.greeted();
  await client.execute('qmp_capabilities');
  return client;
}

const test = suite('QMP server');

test.before.each(async () => {
  dir = await tempDir();
  path = `${dir.path}/qmp`;
  machine = new FakeMachine();
  await startServer();
  finishMachine();
});

test.after.each(async () => {
  for (const client of clients.splice(0)) await client.close();
  await life.end(0);
  await dir.remove();
});

test('greets with a version, negotiates once and knows nothing before', async () => {
  const client = await open();
  const { QMP } = await client.greeted();
  assert.equal(QMP.version.qemu, { major: 11, minor: 1, micro: 0 });
  assert.match(QMP.version.package, /^baton-vmm \d/);
  assert.equal(QMP.capabilities, []);
  const early = await client.ask('query-status', {}, 'x');
  assert.equal(early, {
    error: { class: 'CommandNotFound', desc: "Expecting capabilities negotiation with 'qmp_capabilities'" },
    id: 'x',
  });
  assert.match(await client.refusal('qmp_capabilities', { enable: ['oob'] }), /'oob' is not offered/);
  assert.equal(await client.ask('qmp_capabilities'), { return: {} });
  const again = await client.ask('qmp_capabilities');
  assert.is('error' in again && again.error.class, 'CommandNotFound');
});

test('echoes any id, in success and error', async () => {
  const client = await ready();
  for (const id of ['a', 0, null, [1], { b: { c: 'é' } }]) {
    assert.equal(await client.ask('query-name', {}, id), { return: { name: 'web1' }, id });
    const refused = await client.ask('nonsense', {}, id);
    assert.equal(refused, {
      error: { class: 'CommandNotFound', desc: 'The command nonsense has not been found' },
      id,
    });
  }
});

test('answers requests that are no requests, and goes on', async () => {
  const client = await ready();
  const cases: [string, string][] = [
    ['42', 'QMP input must be a JSON object'],
    ['[]', 'QMP input must be a JSON object'],
    ['{}', "QMP input lacks member 'execute'"],
    ['{"execute": 1}', "QMP input member 'execute' must be a string"],
    ['{"execute": "stop", "extra": 1}', "QMP input member 'extra' is unexpected"],
    ['{"execute": "stop", "arguments": []}', "QMP input member 'arguments' must be an object"],
    ['{"execute": "stop", "arguments": {"now": true}}', "Parameter 'now' is unexpected"],
  ];
  for (const [text, desc] of cases) {
    client.sendText(`${text}\n`);
    assert.equal(await client.reply(), { error: { class: 'GenericError', desc } });
  }
  client.sendText('{"id": 7}\n');
  assert.is((await client.reply()).id, 7);
  client.sendText('{"execute": \n"quer\n');
  assert.match(JSON.stringify(await client.reply()), /JSON parse error/);
  client.sendText(`{"a": "${'x'.repeat(10 * 2 ** 20)}"}\n`);
  assert.match(JSON.stringify(await client.reply()), /size limit/);
  client.sendText(`${'['.repeat(100_000)}\n`);
  assert.match(JSON.stringify(await client.reply()), /nesting/);
  assert.equal(await client.execute('query-status'), { status: 'running', running: true });
});

test('answers many requests sent at once, in their order', async () => {
  const client = await ready();
  const ids = Array.from({ length: 500 }, (_, id) => id);
  client.sendText(ids.map((id) => `{"execute":"query-status","id":${id}}`).join(''));
  for (const id of ids) assert.is((await client.reply()).id, id);
});

test('output is ASCII in CRLF lines', async () => {
  const socket = createConnection(path);
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.write('{"execute":"qmp_capabilities","id":"é€"}\n');
  await waitFor(() => bytes.includes('return'), { what: 'the answer' });
  socket.destroy();
  assert.ok(bytes.every((byte) => byte < 0x80));
  assert.ok(bytes.toString().endsWith('{"return": {}, "id": "\\u00e9\\u20ac"}\r\n'));
  assert.ok(bytes.toString().startsWith('{"QMP": {"version": {"qemu": {'));
});

test('serves one client at a time: the next is greeted when the one before has gone', async () => {
  const first = await ready();
  const second = await open();
  await first.execute('stop');
  assert.is(second.greeting, null);
  await first.close();
  await second.greeted();
  const refused = await second.ask('query-status');
  assert.ok('error' in refused, 'negotiation starts anew');
  await second.execute('qmp_capabilities');
  assert.equal(second.story(), [], 'no event from before');
  await second.execute('cont');
  await second.event('RESUME');
});

test('a client that ends its side still gets its answers', async () => {
  const socket = createConnection(path);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.end('{"execute":"qmp_capabilities"}{"execute":"query-status","id":"last"}');
  await waitFor(() => socket.destroyed, { what: 'the end of the connection' });
  assert.match(text, /"id": "last"/);
});

test('events wait for negotiation, and carry the time of the thing', async () => {
  const client = await open();
  await client.greeted();
  machine.events?.reset('guest-reset');
  await waitFor(() => machine.calls.includes('reset'), { what: 'the reset' });
  await client.execute('qmp_capabilities');
  const before = Date.now() * 1000;
  await client.execute('stop');
  const after = (Date.now() + 1) * 1000;
  assert.equal(client.story(), ['STOP']);
  assert.ok(client.micros('STOP') >= before && client.micros('STOP') <= after);
  machine.events?.reset('guest-reset');
  const reset = await client.event('RESET');
  assert.equal(reset.data, { guest: true, reason: 'guest-reset' });
});

test('a command waits while the machine is being built, the greeting does not', async () => {
  await life.end(0);
  await startServer();
  const client = await open();
  await client.greeted();
  const negotiated = client.ask('qmp_capabilities');
  finishMachine();
  assert.equal(await negotiated, { return: {} });
});

test('shows what the VM is made of', async () => {
  const client = await ready();
  const expected: [string, object | undefined, unknown][] = [
    ['query-uuid', undefined, { UUID: '550e8400-e29b-41d4-a716-446655440000' }],
    ['query-memory-size-summary', undefined, { 'base-memory': 67108864 }],
    ['qom-get', { path: '/machine', property: 'aux-ram-share' }, true],
    ['qom-get', { path: '/machine', property: 'memory-backend' }, '/objects/ram0'],
    ['query-migrate', undefined, {}],
    ['query-migrate-parameters', undefined, { mode: 'normal', 'cpr-exec-command': [], local: false }],
  ];
  for (const [name, args, result] of expected) assert.equal(await client.execute(name, args), result, name);
  const [memdev] = await client.execute<Record<string, unknown>[]>('query-memdev');
  assert.equal([memdev?.id, memdev?.size, memdev?.share], ['ram0', 67108864, true]);
  const chardevs = await client.execute<{ label: string; filename: string }[]>('query-chardev');
  assert.ok(chardevs.some(({ filename }) => filename === `unix:${path},server=on`));
  const commands = await client.execute<{ name: string }[]>('query-commands');
  assert.equal(commands.map(({ name }) => name).sort(), [...COMMANDS.keys()].sort());
});

test('refuses paths, properties, modes and capabilities it has not', async () => {
  const client = await ready();
  const missing = await client.ask('qom-get', { path: '/machine/x', property: 'y' });
  assert.equal(missing, { error: { class: 'DeviceNotFound', desc: "Device '/machine/x' not found" } });
  assert.match(
    await client.refusal('qom-get', { path: '/machine', property: 'y' }),
    /'virt-machine.y' not found/,
  );
  assert.match(await client.refusal('migrate-set-parameters', { mode: 'x' }), /does not accept value 'x'/);
  const capabilities = [{ capability: 'postcopy-ram', state: true }];
  assert.match(await client.refusal('migrate-set-capabilities', { capabilities }), /does not accept value/);
  const parameters = { 'max-bandwidth': 1 };
  const unexpected = await client.refusal('migrate-set-parameters', parameters);
  assert.is(unexpected, "Parameter 'max-bandwidth' is unexpected");
  assert.match(await client.refusal('migrate-incoming', { uri: 'unix:/x' }), /'-incoming' was not specified/);
  assert.equal(await client.execute('migrate_cancel'), {});
});

test('quit answers, tells why, and ends the process with everything removed', async () => {
  const client = await ready();
  assert.equal(await client.execute('quit'), {});
  const { data } = await client.event('SHUTDOWN');
  assert.equal(data, { guest: false, reason: 'host-qmp-quit' });
  await waitFor(() => exits.length > 0, { what: 'the exit' });
  assert.equal(exits, [0]);
  assert.ok(machine.calls.includes('close'));
  assert.equal(await readdir(dir.path), ['kernel']);
});

test('a socket that a successor has bound meanwhile is left alone', async () => {
  await ready();
  const old = life;
  await startServer();
  finishMachine();
  await old.end(0);
  assert.ok((await readdir(dir.path)).includes('qmp'));
  await ready();
});

test('every command has a doc comment with its history and an example', async () => {
  const folder = fileURLToPath(new URL('../../../../vmm/qmp/commands/', import.meta.url));
  for (const name of COMMANDS.keys()) {
    const text = await readFile(`${folder}${name.replaceAll('_', '-')}.ts`, 'utf8');
    const [, doc = ''] = /\/\*\*([\s\S]*?)\*\/\nexport/.exec(text) ?? [];
    assert.match(doc, /Since: \d/, name);
    assert.match(doc, new RegExp(`-> \\{ "execute": "${name}"`), name);
    assert.match(doc, /<- \{ "(return|error)"/, name);
  }
});

test.run();
