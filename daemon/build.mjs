/**
 * Makes batond start fast (`vmm/bundle.mjs`): one file with all that it imports. Usage: node daemon/build.mjs [FOLDER]
 * (FOLDER: of the build, by default dist)
 *
 *     daemon/main.js     the start, in place of the compiled daemon/main.ts
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBundles } from '../vmm/bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Native, and what `ws` takes only if it is there. */
const EXTERNAL = ['better-sqlite3', 'bufferutil', 'utf-8-validate'];

function startOf(name) {
  return `#!/usr/bin/env node
// Written by daemon/build.mjs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const folder = fileURLToPath(new URL('bundle', import.meta.url));
const filename = \`\${folder}/${name}.cjs\`;
let cachedData;
try {
  cachedData = readFileSync(\`\${folder}/${name}.\${process.versions.v8}.code\`);
} catch {} // made by another Node
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
script.runInThisContext()(createRequire(import.meta.url), folder);
`;
}

await writeBundles({
  output: join(resolve(process.argv[2] ?? join(ROOT, 'dist')), 'daemon'),
  starts: [{ name: 'batond', entry: 'daemon/main.ts', file: 'main.js', text: startOf }],
  external: EXTERNAL,
});
