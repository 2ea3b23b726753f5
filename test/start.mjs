/**
 * Starts one of the programs below test/ on a fresh clone as well as on a used one: installs what
 * package-lock.json names when nothing is installed, builds when a source is newer than the last build,
 * then runs the program in this process. Needs nothing but node and npm.
 *
 * Usage: node test/start.mjs PROGRAM [ARGUMENT…]     (PROGRAM: a path below dist, or `build` for nothing more)
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LEAST_NODE = [20, 19];
const SOURCES = ['daemon', 'vmm', 'native', 'test', 'package.json', 'package-lock.json', 'tsconfig.json'];
/** Fetching needs no native addon, so it must not need a compiler. */
const BUILD_OF = { 'test/fetch/main.js': 'build:ts' };

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return;
  throw new Error(`expected Node ${LEAST_NODE.join('.')} or newer, got ${process.versions.node}`);
}

/** Addons are compiled against the headers beside the running node, where they are; else npm gets them. */
function environment() {
  const prefix = join(dirname(process.execPath), '..');
  if (!existsSync(join(prefix, 'include/node/node_api.h'))) return process.env;
  return { ...process.env, npm_config_nodedir: prefix };
}

/** Runs npm quietly; what it said is shown only when it fails. */
function npm(what, args) {
  console.error(`${what} …`);
  const options = {
    cwd: ROOT,
    env: environment(),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  const { status, stdout, stderr, error } = spawnSync('npm', args, options);
  if (status === 0) return;
  console.error(`${stdout ?? ''}${stderr ?? ''}`);
  throw new Error(
    `${what}: \`npm ${args.join(' ')}\` failed (${error?.message ?? `exit ${status}`}), see above`,
  );
}

/** Modification time of the newest file at or below a path, leaving build output out. */
function newestMs(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'build' && name !== 'node_modules');
  return Math.max(status.mtimeMs, ...names.map((name) => newestMs(join(path, name))));
}

function build(script) {
  const stamp = join(ROOT, 'dist', `.${script.replace(':', '-')}-done`);
  const newest = Math.max(...SOURCES.map((name) => newestMs(join(ROOT, name))));
  if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) return;
  npm('building', ['run', script]);
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
}

const [program, ...programArguments] = process.argv.slice(2);
try {
  if (program === undefined) throw new Error('usage: node test/start.mjs PROGRAM [ARGUMENT…]');
  checkNode();
  if (!existsSync(join(ROOT, 'node_modules'))) npm('installing', ['ci', '--no-audit', '--no-fund']);
  build(BUILD_OF[program] ?? 'build');
  if (program !== 'build') {
    const path = join(ROOT, 'dist', program);
    process.setSourceMapsEnabled(true);
    process.argv = [process.execPath, path, ...programArguments];
    await import(pathToFileURL(path).href);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
