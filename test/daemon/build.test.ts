/** The bundle that batond starts from: one file, with code that V8 takes, and without it as well. */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';
import { installVmm } from './fixture.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

interface Context {
  folder: TempDir;
}

const test = suite<Context>('build of batond');

test.before.each(async (context) => {
  context.folder = await tempDir();
  const { path } = context.folder;
  installVmm(path);
  cpSync(`${ROOT}dist/daemon`, `${path}/dist/daemon`, { recursive: true });
  symlinkSync(`${ROOT}migrations`, `${path}/migrations`);
  rmSync(`${path}/dist/daemon/bundle`, { recursive: true, force: true });
  execFileSync(process.execPath, [`${ROOT}daemon/build.mjs`, `${path}/dist`], { stdio: 'inherit' });
});

test.after.each(({ folder }) => folder.remove());

function run({ folder }: Context, ...args: string[]): string {
  return execFileSync(process.execPath, [`${folder.path}/dist/daemon/main.js`, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
}

function bundled({ folder }: Context, ending: string): string {
  const path = `${folder.path}/dist/daemon/bundle`;
  return `${path}/${readdirSync(path).find((name) => name.endsWith(ending))}`;
}

test('it starts from one file, needs no module of ours beside it, and knows its version', (context) => {
  const { path } = context.folder;
  for (const name of ['app.js', 'http', 'store', 'machines', 'upgrade']) {
    rmSync(`${path}/dist/daemon/${name}`, { recursive: true });
  }
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  assert.is(run(context, '--version'), `batond ${version}\n`);
});

test('without the code, or with code that was cut off, it starts all the same', (context) => {
  const code = bundled(context, '.code');
  writeFileSync(code, readFileSync(code).subarray(0, 100_000));
  assert.match(run(context, '--version'), /^batond /);
  rmSync(code);
  assert.match(run(context, '--version'), /^batond /);
});

test('an error is still one sentence on stderr', (context) => {
  const failure = (() => {
    try {
      return run(context, '--no-such-option');
    } catch (error) {
      return error as { status: number; stderr: string };
    }
  })();
  assert.is((failure as { status: number }).status, 2);
  assert.match((failure as { stderr: string }).stderr, /^batond: .*no-such-option.*\n$/);
});

test.run();
