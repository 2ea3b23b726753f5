import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ContentHashes } from '../../../daemon/instance/content-hash.js';
import { probeQemu } from '../../../daemon/instance/qemu-probe.js';
import { returnOf, runQmpScript } from '../../../daemon/instance/qmp-script.js';
import { findInCache } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';
import { type TempDir, tempDir } from '../../helpers/temp-dir.js';

const GREETING =
  '{"QMP":{"version":{"qemu":{"major":99,"minor":0,"micro":0},"package":""},"capabilities":[]}}';
const LIMITS = { deadlineMs: 500, maxOutputBytes: 64 * 1024 };

const test = suite<{ dir: TempDir }>('asking a QEMU binary');

test.before.each(async (context) => {
  context.dir = await tempDir();
});

test.after.each(({ dir }) => dir.remove());

function program({ path }: TempDir, text: string): string {
  writeFileSync(`${path}/program`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return `${path}/program`;
}

const words = (asking: Promise<unknown>) =>
  asking.then(
    () => 'it was taken for a QEMU',
    (error: Error) => error.message,
  );

test('what is no QEMU is refused with what it did instead', async ({ dir }) => {
  const path = program(dir, 'echo hello');
  assert.match(await words(probeQemu(path)), /program to speak QMP .* but it printed "hello"$/);
  program(dir, 'echo "unknown option -machine" >&2; exit 1');
  assert.match(await words(probeQemu(path)), /ended with exit code 1: "unknown option -machine"$/);
  program(dir, 'kill -ABRT $$');
  assert.match(await words(probeQemu(path)), /ended with signal SIGABRT$/);
  program(dir, 'exit 0');
  assert.match(await words(probeQemu(path)), /but it printed nothing$/);
  assert.match(await words(probeQemu(`${dir.path}/absent`)), /could not be started \(ENOENT\)$/);
});

test('one that greets and then hangs, babbles or leaves is refused in time', async ({ dir }) => {
  const ask = (text: string) => {
    const file = program(dir, `echo '${GREETING}'; ${text}`);
    return words(runQmpScript({ file, args: [] }, [{ execute: 'query-target' }], LIMITS));
  };
  assert.match(
    await ask('while :; do sleep 1000; done'),
    /and then to quit, but it did not end within 500 ms/,
  );
  assert.match(await ask('exec yes {}'), /printed more than 65536 bytes/);
  assert.match(await ask('exit 0'), /but it did not answer query-target/);
  assert.match(await ask('echo \'{"return":{},"id":7}\''), /but it did not answer query-target/);
});

test('a large answer to a slow reader is complete before the program is told to quit', async ({ dir }) => {
  const large = 'x'.repeat(2 * 1024 * 1024);
  writeFileSync(`${dir.path}/answer`, `{"return":"${large}","id":1}\n`);
  const answers = `echo '${GREETING}'; echo '{"return":{},"id":0}'; cat ${dir.path}/answer`;
  const file = program(
    dir,
    `${answers}; while read line; do case "$line" in *quit*) exit 0; esac; done; exit 1`,
  );
  const limits = { deadlineMs: 10_000, maxOutputBytes: 16 * 1024 * 1024 };
  const { replies } = await runQmpScript({ file, args: [] }, [{ execute: 'query-target' }], limits);
  assert.is((returnOf('query-target', replies[0]) as string).length, large.length);
});

test('answers of the wrong form are refused', async ({ dir }) => {
  const answer = (schema: string, target: string, machines: string) => {
    const lines = [GREETING, '{"return":{},"id":0}'];
    for (const [index, value] of [schema, target, machines].entries()) {
      lines.push(`{"return":${value},"id":${index + 1}}`);
    }
    return words(probeQemu(program(dir, lines.map((line) => `echo '${line}'`).join('\n'))));
  };
  assert.match(await answer('{}', '{}', '[]'), /query-qmp-schema to return an array/);
  assert.match(await answer('[7]', '{"arch":"../.."}', '[]'), /query-target to name an architecture/);
  assert.match(await answer('[]', '{"arch":"z80"}', '{}'), /query-machines to list/);
});

test('a command that the binary refuses is told in its words', async ({ dir }) => {
  const error = '{"error":{"class":"CommandNotFound","desc":"no such thing"},"id":1}';
  const rest = '{"return":{},"id":2}\n{"return":[],"id":3}';
  const path = program(dir, `cat <<'END'\n${GREETING}\n${error}\n${rest}\nEND`);
  assert.is(await words(probeQemu(path)), 'query-qmp-schema: no such thing');
});

test('only a file is hashed', async ({ dir }) => {
  const hashes = new ContentHashes();
  mkdirSync(`${dir.path}/folder`);
  symlinkSync('/dev/zero', `${dir.path}/endless`);
  writeFileSync(`${dir.path}/file`, 'abc');
  assert.match(await words(hashes.of([`${dir.path}/folder`])), /expected a file/);
  assert.match(await words(hashes.of([`${dir.path}/endless`])), /expected a file/);
  assert.match(await hashes.of([`${dir.path}/file`]), /^[0-9a-f]{64}$/);
});

const cache = findInCache();

for (const version of ['10.0', '11.1'] as const) {
  for (const target of ['riscv64', 'x86_64'] as const) {
    const found = cache.qemu(version, target);
    if ('missing' in found) {
      skipSuite(`asking QEMU ${version} ${target}`, found.missing);
      continue;
    }
    test(`QEMU ${version} for ${target} says what it is`, async () => {
      const facts = await probeQemu(found.argvPrefix[0] ?? '');
      assert.ok(facts.version.startsWith(`${version}.`), facts.version);
      const exec = version === '11.1' ? ['cpr-exec'] : [];
      assert.equal(facts.modes, ['cpr-transfer', ...exec, 'cpr-reboot']);
      const { architecture, machineTypes, accelerators, capabilities, channelTypes, parameters } = facts.qemu;
      assert.is(architecture, target);
      assert.ok(accelerators.includes('tcg'));
      assert.equal(channelTypes, ['main', 'cpr']);
      assert.ok(capabilities.includes('return-path') && capabilities.includes('events'));
      assert.is(parameters.includes('cpr-exec-command'), version === '11.1');
      const names = machineTypes.map(({ name }) => name);
      assert.ok(names.includes(target === 'riscv64' ? 'virt' : 'pc-q35-10.0'));
      if (target === 'x86_64') {
        assert.is(machineTypes.find(({ alias }) => alias === 'q35')?.name, `pc-q35-${version}`);
      }
    });
  }
}

test.run();
