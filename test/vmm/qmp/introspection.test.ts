/** What the monitor says of itself is so: each answer has the type that the schema gives it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QmpSchema } from '../../../daemon/instance/qmp-schema.js';
import { COMMANDS } from '../../../vmm/qmp/commands/index.js';
import { introspect, type SchemaEntity } from '../../../vmm/qmp/introspection.js';
import { isReply } from '../../../vmm/qmp/protocol.js';
import { checkValue } from '../../../vmm/qmp/schema.js';
import type { QmpClient } from '../qmp-client.js';
import { VmmHost } from '../vmm-process.js';

interface Context {
  host: VmmHost;
  monitor: QmpClient;
}

const test = suite<Context>('query-qmp-schema');

test.before(async (context) => {
  context.host = await VmmHost.create();
  const vmm = await context.host.launch({ extra: ['-name', 'web1', '-device', 'virtio-balloon-device'] });
  context.monitor = await vmm.monitor();
});
test.after(async ({ host }) => host.remove());

const ASKS = [...COMMANDS.values()].filter(
  ({ name }) => name.startsWith('query-') || /^qom-(get|list)/.test(name),
);
const ARGUMENTS: Readonly<Record<string, object>> = {
  'qom-get': { path: '/machine', property: 'aux-ram-share' },
  'qom-list': { path: '/machine/unattached' },
  'qom-list-properties': { typename: 'memory-backend-memfd' },
  'query-cpu-model-expansion': { type: 'full', model: { name: 'rv64' } },
};

for (const command of ASKS) {
  test(`${command.name} answers with what the schema says`, async ({ monitor }) => {
    assert.ok(command.returns, 'it says what it returns');
    const request = { execute: command.name, arguments: ARGUMENTS[command.name] ?? {} };
    monitor.sendText(JSON.stringify(request));
    const reply = await monitor.reply();
    assert.ok(isReply(reply));
    if ('error' in reply) assert.is(command.name, 'query-hotpluggable-cpus', reply.error.desc);
    else checkValue(reply.return, command.returns ?? 'any', command.name);
  });
}

/** Names of types that an entity mentions. */
function mentioned(entity: SchemaEntity): string[] {
  const list = (entity.members ?? []) as { type?: string }[];
  const cases = (entity.variants ?? []) as { type: string }[];
  const own = [entity['arg-type'], entity['ret-type'], entity['element-type']] as (string | undefined)[];
  return [...own, ...list.map(({ type }) => type), ...cases.map(({ type }) => type)].filter(
    (name) => name !== undefined,
  );
}

test('every type that is mentioned is there, once, and none that is not', async ({ monitor }) => {
  const schema = await monitor.execute<SchemaEntity[]>('query-qmp-schema');
  const types = schema.filter(({ 'meta-type': kind }) => kind !== 'command' && kind !== 'event');
  const names = types.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.equal([...new Set(schema.flatMap(mentioned))].sort(), [...names].sort());
});

test('commands are those of query-commands, and no others work', async ({ monitor }) => {
  const schema = await monitor.execute<SchemaEntity[]>('query-qmp-schema');
  const commands = await monitor.execute<{ name: string }[]>('query-commands');
  const described = schema.filter(({ 'meta-type': kind }) => kind === 'command').map(({ name }) => name);
  assert.equal(described.sort(), commands.map(({ name }) => name).sort());
});

test('a client finds modes, channels and parameters in it', async ({ monitor }) => {
  const schema = new QmpSchema(await monitor.execute('query-qmp-schema'));
  assert.ok(schema.valuesAt('migrate-set-parameters', 'mode').includes('cpr-transfer'));
  assert.equal(schema.valuesAt('migrate', 'channels', 'channel-type'), ['main', 'cpr']);
  assert.ok(
    schema.valuesAt('migrate-set-capabilities', 'capabilities', 'capability').includes('return-path'),
  );
  assert.is(schema.hasCommand('nonsense'), false);
});

test('equal types are one, and a union names its cases', () => {
  const entities = introspect([...COMMANDS.values()], []);
  const union = entities.find(({ tag }) => tag === 'transport');
  assert.ok(union);
  const empty = entities.filter(
    (entity) => entity['meta-type'] === 'object' && mentioned(entity).length === 0,
  );
  assert.is(empty.length, 1);
});

test('without a machine the same questions are answered', async ({ host }) => {
  const qmp = `${host.path}/none`;
  host.launchWith(['-machine', 'none', '-qmp', `unix:${qmp},server=on,wait=off`, '-S', '-display', 'none']);
  const { QmpClient } = await import('../qmp-client.js');
  const monitor = await QmpClient.ready(qmp);
  assert.equal(await monitor.execute('query-status'), { status: 'prelaunch', running: false });
  assert.equal(await monitor.execute('query-cpus-fast'), []);
  assert.is(await monitor.execute('qom-get', { path: '/machine', property: 'type' }), 'none-machine');
  const machines = await monitor.execute<{ name: string }[]>('query-machines');
  assert.equal(
    machines.map(({ name }) => name),
    ['virt', 'none'],
  );
  await monitor.execute('quit');
});

test.run();
