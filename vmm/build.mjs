/**
 * Makes baton-vmm start fast (`bundle.mjs`): one file for each thread. Usage: node vmm/build.mjs [FOLDER]
 * (FOLDER: of the build, by default dist)
 *
 *     vmm/baton-vmm.cjs  vmm/worker.cjs     the starts, in place of the compiled vmm/*.cts
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBundles } from './bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Start by module. */
const STARTS = { 'baton-vmm': 'vmm/main.ts', worker: 'vmm/machine/thread.ts' };

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

await writeBundles({
  output: join(resolve(process.argv[2] ?? join(ROOT, 'dist')), 'vmm'),
  starts: Object.entries(STARTS).map(([name, entry]) => ({
    name,
    entry,
    file: `${name}.cjs`,
    text: startOf,
  })),
});
