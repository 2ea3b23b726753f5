/**
 * Makes `baton` start fast: bundles its modules into one file and keeps the code that V8 makes of it (vmm/bundle.mjs);
 * and writes the manual page and the completion scripts. Runs after tsc, whose main.js it replaces by the start of the
 * bundle: without this step everything works, slower. Usage: node daemon/cli/build.mjs [FOLDER]  (by default dist)
 */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleStarts } from '../../vmm/bundle.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUTPUT = resolve(process.argv[2] ?? join(ROOT, 'dist'));

execFileSync(process.execPath, [join(ROOT, 'dist/daemon/cli/write-docs.js'), OUTPUT], { stdio: 'inherit' });
await bundleStarts(OUTPUT, 'daemon/cli', [{ name: 'main', entry: 'daemon/cli/main.ts', isModule: true }]);
