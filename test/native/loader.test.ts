/** Where the façade finds the addon, in copies of the package with one part missing or broken. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';

const COMPILED = fileURLToPath(new URL('../../native', import.meta.url));
const ADDON = [`${COMPILED}/baton.node`, `${COMPILED}/../../native/build/Release/baton.node`].find(
  existsSync,
);
const MAKE_MEMFD = 'native.closeFd(native.createMemfd("ram", 4096)); console.log("works");';

const loader = suite<{ dir: TempDir; facade: string }>('loader');

/** A package without an addon: the compiled façade in dist/native. */
loader.before.each(async (context) => {
  context.dir = await tempDir();
  context.facade = `${context.dir.path}/dist/native`;
  mkdirSync(context.facade, { recursive: true });
  for (const module of ['index', 'arguments', 'error', 'addon']) {
    cpSync(`${COMPILED}/${module}.js`, `${context.facade}/${module}.js`);
  }
  writeFileSync(`${context.dir.path}/package.json`, '{"type":"module"}');
});
loader.after.each((context) => context.dir.remove());

/** Runs code with the façade of the copy as `native`; what it prints, or the error it ends with. */
function run(facade: string, code: string): string {
  const script = `const native = await import('${facade}/index.js'); ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  return stdout + stderr;
}

function addAddon(folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(ADDON ?? 'not built', `${folder}/baton.node`);
}

loader('where node-gyp leaves it, at the root of the package', ({ dir, facade }) => {
  addAddon(`${dir.path}/native/build/Release`);
  assert.is(run(facade, MAKE_MEMFD), 'works\n');
});

loader('beside the compiled façade, first', ({ dir, facade }) => {
  addAddon(facade);
  mkdirSync(`${dir.path}/native/build/Release`, { recursive: true });
  writeFileSync(`${dir.path}/native/build/Release/baton.node`, 'broken');
  assert.is(run(facade, MAKE_MEMFD), 'works\n');
});

loader('below the façade, when that is in the source folder', ({ dir, facade }) => {
  cpSync(facade, `${dir.path}/native`, { recursive: true });
  addAddon(`${dir.path}/native/build/Release`);
  assert.is(run(`${dir.path}/native`, MAKE_MEMFD), 'works\n');
});

loader('nowhere: the first call says where it looked and what to do', ({ facade, dir }) => {
  const output = run(facade, MAKE_MEMFD);
  assert.match(output, 'the native addon is not built: run `npm run build:native`');
  assert.match(output, `${dir.path}/native/build/Release/baton.node`);
});

loader('nowhere, and no call made: importing is no error', ({ facade }) => {
  assert.is(run(facade, 'console.log(native.POLLIN, typeof native.NativeError)'), '1 function\n');
});

loader('a file that cannot be loaded: which one, what to do, and the cause', ({ facade }) => {
  writeFileSync(`${facade}/baton.node`, 'broken');
  const output = run(facade, MAKE_MEMFD);
  assert.match(
    output,
    `the native addon ${facade}/baton.node cannot be loaded: run \`npm run build:native\``,
  );
  assert.match(output, 'cause');
  assert.match(output, 'ERR_DLOPEN_FAILED');
});

loader.run();
