/**
 * Builds native/build/Release/baton.node with node-gyp and the headers beside the running node, without network.
 * Does nothing when the sources and the headers are those of the last build. Usage: node native/build.mjs
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const OUTPUT = join(FOLDER, 'build/Release/baton.node');
const STAMP = join(FOLDER, 'build/baton.stamp.json');
const TOOLS = ['python3', 'make', 'g++'];

/** Where node's own headers are: beside an unpacked or installed node; null lets node-gyp find them. */
function headersFolder() {
  const prefix = join(dirname(process.execPath), '..');
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : null;
}

/** Two parts: what make cannot notice (configuration), and what it can (sources). */
function currentStamp() {
  const hash = createHash('sha256');
  for (const file of readdirSync(join(FOLDER, 'src')).sort()) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(FOLDER, 'src', file)));
  }
  const gyp = createHash('sha256')
    .update(readFileSync(join(FOLDER, 'binding.gyp')))
    .digest('hex');
  const configuration = [process.version, process.arch, headersFolder() ?? 'node-gyp', gyp].join(' ');
  return { configuration, sources: hash.digest('hex') };
}

function lastStamp() {
  if (!existsSync(OUTPUT) || !existsSync(STAMP)) return null;
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return null; // half written by a build that was interrupted: build again
  }
}

/** npm brings node-gyp: it names it to scripts, or it is inside the npm beside node, or in the npm of PATH. */
function nodeGyp() {
  const npmFolders = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'npm'))
    .filter((npm) => existsSync(npm))
    .map((npm) => join(dirname(realpathSync(npm)), '..'));
  npmFolders.unshift(join(dirname(process.execPath), '../lib/node_modules/npm'));
  const candidates = npmFolders.map((folder) => join(folder, 'node_modules/node-gyp/bin/node-gyp.js'));
  const named = process.env.npm_config_node_gyp;
  if (named !== undefined) candidates.unshift(named);
  const script = candidates.find((path) => existsSync(path));
  return script === undefined ? ['node-gyp'] : [process.execPath, script];
}

function run(steps) {
  const [command, ...prefix] = nodeGyp();
  const headers = headersFolder();
  const options = ['--directory', FOLDER, '--loglevel', 'warn', '--jobs', '2'];
  if (headers !== null) options.push('--nodedir', headers);
  return spawnSync(command, [...prefix, ...options, ...steps], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** What is most likely wrong, in one line each. */
function explain(result) {
  if (result.error !== undefined)
    console.error(`native: node-gyp cannot be started: ${result.error.message}`);
  for (const tool of TOOLS) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) {
      console.error(
        `native: ${tool} is needed and cannot be run: install it (Debian: apt install python3 make g++)`,
      );
    }
  }
  if (headersFolder() === null) {
    console.error(
      `native: no headers beside ${process.execPath} (../include/node), so node-gyp wants to download them`,
    );
  }
  console.error('native: the addon was not built; the first error is above');
}

const stamp = currentStamp();
const last = lastStamp();
if (last !== null && last.configuration === stamp.configuration && last.sources === stamp.sources) {
  console.log('native: up to date');
} else {
  const result = run(last?.configuration === stamp.configuration ? ['build'] : ['rebuild']);
  if (result.status === 0 && existsSync(OUTPUT)) {
    mkdirSync(dirname(STAMP), { recursive: true });
    writeFileSync(STAMP, JSON.stringify(stamp));
    console.log(`native: built ${OUTPUT}`);
  } else {
    explain(result);
    process.exitCode = 1;
  }
}
