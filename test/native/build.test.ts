/** The build script, in a copy of native/ with one source file, so that a build takes a second. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { skipSuite } from '../helpers/skip.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';

const SCRIPT = fileURLToPath(new URL('../../../native/build.mjs', import.meta.url));
const SOURCE = '#include <node_api.h>\nNAPI_MODULE_INIT() { (void)env; return exports; }\n';
const GYP = '{ "targets": [{ "target_name": "baton", "sources": ["src/addon.cpp"] }] }';

const build = suite<{ dir: TempDir; native: string }>('build');

build.before.each(async (context) => {
  context.dir = await tempDir();
  context.native = `${context.dir.path}/native`;
  mkdirSync(`${context.native}/src`, { recursive: true });
  cpSync(SCRIPT, `${context.native}/build.mjs`);
  writeFileSync(`${context.native}/binding.gyp`, GYP);
  writeFileSync(`${context.native}/src/addon.cpp`, SOURCE);
});
build.after.each((context) => context.dir.remove());

function run(native: string, env: NodeJS.ProcessEnv = process.env) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${native}/build.mjs`], {
    encoding: 'utf8',
    timeout: 60_000,
    env,
  });
  return { status, output: stdout + stderr };
}

build('builds, then does nothing until a source changes, then builds only that', ({ native }) => {
  const addon = `${native}/build/Release/baton.node`;
  const first = run(native);
  assert.is(first.status, 0, first.output);
  assert.ok(existsSync(addon));
  const builtAt = statSync(addon).mtimeMs;
  assert.equal(run(native), { status: 0, output: 'native: up to date\n' });
  assert.is(statSync(addon).mtimeMs, builtAt);
  appendFileSync(`${native}/src/addon.cpp`, 'int changed;\n');
  const second = run(native);
  assert.is(second.status, 0, second.output);
  assert.ok(statSync(addon).mtimeMs > builtAt);
});

build(
  'a source that does not compile: exit 1 and the compiler’s error, also the second time',
  ({ native }) => {
    assert.is(run(native).status, 0);
    appendFileSync(`${native}/src/addon.cpp`, '#error broken on purpose\n');
    for (let i = 0; i < 2; i += 1) {
      const { status, output } = run(native);
      assert.is(status, 1);
      assert.match(output, 'broken on purpose');
      assert.match(output, 'native: the addon was not built; the first error is above');
    }
  },
);

build('a stamp cut short by an interrupted build: builds again', ({ native }) => {
  assert.is(run(native).status, 0);
  writeFileSync(`${native}/build/baton.stamp.json`, '{"configur');
  const { status, output } = run(native);
  assert.is(status, 0, output);
  assert.match(output, 'native: built');
  assert.match(readFileSync(`${native}/build/baton.stamp.json`, 'utf8'), '"sources"');
});

build('no tools: exit 1, each of them named with what to install', ({ dir, native }) => {
  const bin = `${dir.path}/bin`;
  mkdirSync(bin);
  symlinkSync(process.execPath, `${bin}/node`);
  const { status, output } = run(native, { ...process.env, PATH: bin, HOME: dir.path, PYTHON: '' });
  assert.is(status, 1);
  for (const tool of ['python3', 'make', 'g++'])
    assert.match(output, `native: ${tool} is needed and cannot be run`);
  assert.match(output, 'apt install python3 make g++');
});

const tools = ['python3', 'make', 'g++', 'npm'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const headers = existsSync(`${dirname(process.execPath)}/../include/node/node_api.h`);
if (tools && headers) build.run();
else skipSuite('build', 'python3, make, g++, npm and the headers beside node are needed');
