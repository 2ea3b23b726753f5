import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BatonDriver } from '../../../daemon/instance/baton-driver.js';
import { askingLineOf } from '../../../daemon/instance/qemu-probe.js';
import { QmpSchema } from '../../../daemon/instance/qmp-schema.js';
import { returnOf, runQmpScript } from '../../../daemon/instance/qmp-script.js';

const MAIN = fileURLToPath(new URL('../../../vmm/baton-vmm.cjs', import.meta.url));

const test = suite('asking baton-vmm');

test('its version and modes are what the binary says of itself', async () => {
  const { version, abilities } = await new BatonDriver().probe(MAIN);
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal(abilities, { modes: ['cpr-transfer', 'cpr-exec', 'cpr-reboot'] });
});

test('its schema has every command, with arguments, optional ones, enums and unions', async () => {
  const line = askingLineOf({ file: process.execPath, args: [MAIN] });
  const questions = [{ execute: 'query-qmp-schema' }, { execute: 'query-commands' }];
  const { replies } = await runQmpScript(line, questions);
  const entities = returnOf('query-qmp-schema', replies[0]) as { name: string; members?: object[] }[];
  const schema = new QmpSchema(entities);
  for (const { name } of returnOf('query-commands', replies[1]) as { name: string }[]) {
    assert.ok(schema.hasCommand(name), name);
  }
  assert.equal(schema.argumentsOf('migrate-set-parameters').includes('cpr-exec-command'), true);
  assert.equal(schema.valuesAt('migrate', 'channels', 'addr', 'transport'), ['socket', 'exec', 'file']);
  const capabilities = schema.valuesAt('migrate-set-capabilities', 'capabilities', 'capability');
  assert.ok(capabilities.includes('x-ignore-shared'));
  assert.is(new Set(entities.map(({ name }) => name)).size, entities.length, 'names are unique');
  const migrate = entities.find(({ members }) => JSON.stringify(members)?.includes('"uri"'));
  assert.ok(JSON.stringify(migrate?.members).includes('{"name":"uri","type":"str","default":null}'));
});

test('a program that is no VMM is refused with what it said', async () => {
  try {
    await new BatonDriver().probe('/bin/echo');
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /expected \/bin\/echo to speak QMP .*-machine none/);
  }
});

test.run();
