/**
 * Makes batond start fast: one file with all that it imports, in place of the compiled daemon/main.ts (vmm/bundle.mjs).
 * Runs after tsc, which undoes it: without this step everything works, slower. Usage: node daemon/build.mjs [FOLDER]
 * (FOLDER: of the build, by default dist)
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleStarts } from '../vmm/bundle.mjs';

const OUTPUT = resolve(process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url)));

await bundleStarts(OUTPUT, 'daemon', [{ name: 'main', entry: 'daemon/main.ts', isModule: true }]);
