/**
 * Makes a program start fast: bundles its modules into one file, keeps the code that V8 makes of them, and writes a
 * start that takes those in place of what was compiled. With FOLDER and NAME as given:
 *
 *     FOLDER/NAME.cjs or NAME.js            the start; written last, in one step
 *     FOLDER/bundle/NAME-HASH.cjs           named by content: whoever starts meanwhile gets one build, not halves of two
 *     FOLDER/bundle/NAME-HASH.V8.code       for one version of V8; any other compiles for itself
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Somebody may have read a start that names an older file and not yet that. */
const KEPT_MS = 3_600_000;
/** Native, and what `ws` takes only if it is there. */
const EXTERNAL = ['better-sqlite3', 'bufferutil', 'utf-8-validate'];

/** A module in a bundle sees itself where tsc put it. */
function ownPlace(folder) {
  const up = relative(join(ROOT, folder, 'bundle'), ROOT);
  return {
    name: 'own-place',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const place = join(up, relative(ROOT, path));
        const contents = readFileSync(path, 'utf8')
          .replace(/^#!.*/, '')
          .replaceAll('import.meta.url', `ownPlaceOf(${JSON.stringify(place)})`);
        return { contents, loader: 'ts' };
      });
    },
  };
}
const PLACE_OF =
  "function ownPlaceOf(path) { return require('node:url').pathToFileURL(require('node:path').join(__dirname, path)).href; }";

async function bundle(entry, folder) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    absWorkingDir: ROOT,
    ...{ bundle: true, write: false, platform: 'node', format: 'cjs', target: 'node20' },
    /* A script that was not loaded as a module cannot import. */
    supported: { 'dynamic-import': false },
    external: EXTERNAL,
    banner: { js: PLACE_OF },
    plugins: [ownPlace(folder)],
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
function startOf(name, isModule) {
  const head = isModule
    ? `import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
const require = createRequire(import.meta.url);
const folder = import.meta.dirname;`
    : `'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const folder = __dirname;`;
  return `#!/usr/bin/env node
// Written by vmm/bundle.mjs.
${head}
const filename = \`\${folder}/bundle/${name}.cjs\`;
let cachedData;
try {
  cachedData = readFileSync(\`\${folder}/bundle/${name}.\${process.versions.v8}.code\`);
} catch {} // made by another Node
new Script(readFileSync(filename, 'latin1'), { filename, cachedData }).runInThisContext()(require, \`\${folder}/bundle\`);
`;
}

function write(path, contents, mode = 0o644) {
  const passing = `${path}.${process.pid}`;
  writeFileSync(passing, contents, { mode });
  renameSync(passing, path);
}

/**
 * `output`: where the build goes; `folder`: the one in it that the starts are for, named as that of the source. They are
 * written in the opposite order. `isModule`: NAME.js, an ES module, instead of NAME.cjs.
 */
export async function bundleStarts(output, folder, starts) {
  const bundles = join(output, folder, 'bundle');
  mkdirSync(bundles, { recursive: true });
  const written = [];
  for (const { name: start, entry, isModule = false } of starts) {
    const source = await bundle(entry, folder);
    const name = `${start}-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`;
    const code = codeOf(source, join(bundles, `${name}.cjs`));
    write(join(bundles, `${name}.cjs`), source);
    write(join(bundles, `${name}.${process.versions.v8}.code`), code);
    written.push({ start, name, isModule });
  }
  for (const { start, name, isModule } of written.toReversed()) {
    write(join(output, folder, `${start}.${isModule ? 'js' : 'cjs'}`), startOf(name, isModule), 0o755);
  }
  for (const file of readdirSync(bundles)) {
    const path = join(bundles, file);
    const isOfThis = written.some(({ name }) => file.startsWith(`${name}.`));
    if (!isOfThis && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path);
  }
}
