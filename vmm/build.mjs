/**
 * Makes baton-vmm start fast: one bundle for each thread, in place of the compiled vmm/*.cts (vmm/bundle.mjs). Runs after
 * tsc, which undoes it: without this step everything works, slower. Usage: node vmm/build.mjs [FOLDER]   (by default dist)
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleStarts } from './bundle.mjs';

const OUTPUT = resolve(process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url)));

await bundleStarts(OUTPUT, 'vmm', [
  { name: 'baton-vmm', entry: 'vmm/main.ts' },
  { name: 'worker', entry: 'vmm/machine/thread.ts' },
]);
