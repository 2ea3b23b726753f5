/**
 * Makes a program start fast: bundles its modules into one file, keeps the code that V8 makes of it, and writes a start
 * that takes those in place of the modules that tsc compiled. Runs after tsc, which undoes it: without this step
 * everything works, slower.
 *
 *     FOLDER/bundle/NAME-HASH.cjs          named by content: whoever starts meanwhile gets one build, not halves of two
 *     FOLDER/bundle/NAME-HASH.V8.code      for one version of V8; any other compiles for itself
 *     the starts                           written last, each in one step
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

/** A module in a bundle sees itself where tsc put it: beside its files. */
const OWN_PLACE = {
  name: 'own-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = `../../${relative(ROOT, path)}`;
      const contents = readFileSync(path, 'utf8')
        .replace(/^#!.*/, '')
        .replaceAll('import.meta.url', `placeOf(${JSON.stringify(place)})`);
      return { contents, loader: 'ts' };
    });
  },
};
const PLACE_OF =
  "function placeOf(path) { return require('node:url').pathToFileURL(require('node:path').join(__dirname, path)).href; }";

async function bundle(entry, external) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    absWorkingDir: ROOT,
    ...{ bundle: true, write: false, platform: 'node', format: 'cjs', target: 'node20' },
    banner: { js: PLACE_OF },
    plugins: [OWN_PLACE],
    external,
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

function write(path, contents, mode = 0o644) {
  const passing = `${path}.${process.pid}`;
  writeFileSync(passing, contents, { mode });
  renameSync(passing, path);
}

/**
 * `starts`: for each start its entry and `text`, which makes the start's own text of the bundle's name. Starts are written
 * last to first.
 */
export async function writeBundles({ output, starts, external = [] }) {
  const bundles = join(output, 'bundle');
  mkdirSync(bundles, { recursive: true });
  const written = [];
  for (const { name: start, entry, file, text } of starts) {
    const source = await bundle(entry, external);
    const name = `${start}-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`;
    const code = codeOf(source, join(bundles, `${name}.cjs`));
    write(join(bundles, `${name}.cjs`), source);
    write(join(bundles, `${name}.${process.versions.v8}.code`), code);
    written.push({ file, name, text });
  }
  for (const { file, name, text } of written.toReversed()) write(join(output, file), text(name), 0o755);
  for (const file of readdirSync(bundles)) {
    const path = join(bundles, file);
    const isOfThis = written.some(({ name }) => file.startsWith(`${name}.`));
    if (!isOfThis && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path);
  }
}
