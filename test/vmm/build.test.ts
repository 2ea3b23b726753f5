import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { installVmm } from '../daemon/fixture.js';
import { ticker } from '../guests/ticker.js';
import { type TempDir, tempDir } from '../helpers/temp-dir.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TWO_HOURS_S = 7200;

let folder: TempDir;
let start: string;
let kernel: string;

const test = suite('build of baton-vmm');

test.before.each(async () => {
  folder = await tempDir();
  start = installVmm(folder.path);
  kernel = `${folder.path}/ticker.bin`;
  writeFileSync(kernel, ticker().bytes);
  rmSync(`${folder.path}/dist/vmm/bundle`, { recursive: true, force: true });
  build();
});

test.after.each(async () => {
  await folder.remove();
});

function build(): void {
  execFileSync(process.execPath, [`${ROOT}vmm/build.mjs`, `${folder.path}/dist`], { stdio: 'inherit' });
}

function bundles(): string[] {
  return readdirSync(`${folder.path}/dist/vmm/bundle`)
    .sort()
    .map((name) => `${folder.path}/dist/vmm/bundle/${name}`);
}

/** The files that a start uses: a bundle and its code. */
function filesOf(name: 'baton-vmm' | 'worker'): { source: string; code: string } {
  const named = /bundle\/([\w-]+)\.cjs/.exec(
    readFileSync(`${folder.path}/dist/vmm/${name}.cjs`, 'utf8'),
  )?.[1];
  const source = `${folder.path}/dist/vmm/bundle/${named}.cjs`;
  return { source, code: source.replace(/cjs$/, `${process.versions.v8}.code`) };
}

/** The machine is built before QMP answers. */
function answers(thread: 'single' | 'multi'): string {
  const args = ['-kernel', kernel, '-m', '32M', '-nodefaults', '-display', 'none', '-S', '-qmp', 'stdio'];
  args.push('-accel', `tcg,thread=${thread}`);
  const input = '{"execute":"qmp_capabilities"}{"execute":"query-status"}{"execute":"quit"}';
  return execFileSync(process.execPath, [start, ...args], { input, encoding: 'utf8', timeout: 20_000 });
}

test('both threads are one file each, for which V8 takes the code', () => {
  for (const name of ['baton-vmm', 'worker'] as const) {
    const { source, code } = filesOf(name);
    const cachedData = readFileSync(code);
    const script = new Script(readFileSync(source, 'latin1'), { filename: source, cachedData });
    assert.is(script.cachedDataRejected, false, name);
    assert.match(readFileSync(source, 'latin1'), /^[\0-\x7f]+$/, 'what is read as latin1 is ASCII');
  }
  for (const thread of ['single', 'multi'] as const) assert.match(answers(thread), /"status": "prelaunch"/);
});

test('the modules beside the bundle are not looked at', () => {
  writeFileSync(`${folder.path}/dist/vmm/main.js`, 'throw new Error("expected a bundle")');
  writeFileSync(`${folder.path}/dist/vmm/machine/thread.js`, 'throw new Error("expected a bundle")');
  for (const thread of ['single', 'multi'] as const) assert.match(answers(thread), /"status": "prelaunch"/);
});

test('with code that is none or is of another V8 it starts all the same, and writes nothing', () => {
  for (const name of ['baton-vmm', 'worker'] as const) {
    const { code } = filesOf(name);
    writeFileSync(code, name === 'worker' ? '' : readFileSync(code).fill(7, 4, 8));
  }
  const listing = () => bundles().map((file) => [file, statSync(file).mtimeMs]);
  const before = listing();
  for (const thread of ['single', 'multi'] as const) assert.match(answers(thread), /"status": "prelaunch"/);
  assert.equal(listing(), before);
});

test('building again changes nothing, and takes away what has been of no use for long', () => {
  const before = bundles();
  const [young, old] = ['young', 'old'].map((name) => `${folder.path}/dist/vmm/bundle/baton-vmm-${name}.cjs`);
  writeFileSync(String(young), '');
  writeFileSync(String(old), '');
  const longAgo = Date.now() / 1000 - TWO_HOURS_S;
  for (const file of [String(old), ...before]) utimesSync(file, longAgo, longAgo);
  build();
  assert.equal(bundles(), [...before, String(young)].sort());
});

test.run();
