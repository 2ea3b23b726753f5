/**
 * Makes baton-vmm start fast: bundles its modules into one file for each thread, keeps the code that V8 makes of
 * them, and writes starts that take those in place of the compiled vmm/*.cts. Runs after tsc, which undoes it: without
 * this step everything works, slower. Usage: node vmm/build.mjs [FOLDER]     (FOLDER: of the build, by default dist)
 *
 *     vmm/baton-vmm.cjs  vmm/worker.cjs     the starts; written last, each in one step
 *     vmm/bundle/NAME-HASH.cjs              named by content: whoever starts meanwhile gets one build, not halves of two
 *     vmm/bundle/NAME-HASH.V8.code          for one version of V8; any other compiles for itself
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = join(resolve(process.argv[2] ?? join(ROOT, 'dist')), 'vmm');
const BUNDLES = join(OUTPUT, 'bundle');
/** Start by module. */
const STARTS = { 'baton-vmm': 'vmm/main.ts', worker: 'vmm/machine/thread.ts' };
/** Somebody may have read a start that names an older file and not yet that. */
const KEPT_MS = 3_600_000;

/** A module in a bundle sees itself where tsc put it: beside its files. */
const OWN_PLACE = {
  name: 'own-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = `../../${relative(ROOT, path)}`;
      const contents = readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        `placeOf(${JSON.stringify(place)})`,
      );
      return { contents, loader: 'ts' };
    });
  },
};
const PLACE_OF =
  "function placeOf(path) { return require('node:url').pathToFileURL(require('node:path').join(__dirname, path)).href; }";

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    absWorkingDir: ROOT,
    ...{ bundle: true, write: false, platform: 'node', format: 'cjs', target: 'node20' },
    banner: { js: PLACE_OF },
    plugins: [OWN_PLACE],
    logLevel: 'warning',
  });
  // Outside of comments esbuild has escaped what is not ASCII.
  const text = outputFiles[0].text.replaceAll(/[^\0-\x7f]/g, '?');
  return `(function (require, __dirname) {${text}\n})`;
}

/** With all functions in it, which V8 would otherwise compile when they are first called. */
function codeOf(source, filename) {
  setFlagsFromString('--no-lazy');
  const script = new Script(source, { filename });
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

/** As latin1, which these are: V8 takes the bytes as they are. */
function startOf(name) {
  return `#!/usr/bin/env node
'use strict';
// Written by vmm/build.mjs.
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = \`\${__dirname}/bundle/${name}.cjs\`;
let cachedData;
try {
  cachedData = readFileSync(\`\${__dirname}/bundle/${name}.\${process.versions.v8}.code\`);
} catch {} // made by another Node
new Script(readFileSync(filename, 'latin1'), { filename, cachedData }).runInThisContext()(require, \`\${__dirname}/bundle\`);
`;
}

function write(path, contents, mode = 0o644) {
  const passing = `${path}.${process.pid}`;
  writeFileSync(passing, contents, { mode });
  renameSync(passing, path);
}

mkdirSync(BUNDLES, { recursive: true });
const written = [];
for (const [start, entry] of Object.entries(STARTS)) {
  const source = await bundle(entry);
  const name = `${start}-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`;
  const code = codeOf(source, join(BUNDLES, `${name}.cjs`));
  write(join(BUNDLES, `${name}.cjs`), source);
  write(join(BUNDLES, `${name}.${process.versions.v8}.code`), code);
  written.push({ start, name });
}
for (const { start, name } of written.toReversed()) write(join(OUTPUT, `${start}.cjs`), startOf(name), 0o755);
for (const file of readdirSync(BUNDLES)) {
  const path = join(BUNDLES, file);
  const isOfThis = written.some(({ name }) => file.startsWith(`${name}.`));
  if (!isOfThis && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path);
}
