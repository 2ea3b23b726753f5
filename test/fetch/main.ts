/**
 * `npm run fetch`: fills the cache folder with Debian kernels, QEMUs, OpenSBI and a Debian guest, all through the
 * machine's own apt configuration, as an ordinary user. A second run finds everything in the manifest
 * and touches no network; two at once wait for each other.
 *
 * Usage: node dist/test/fetch/main.js [--refresh] [PRODUCT…]
 * (--refresh: look for newer packages; PRODUCT, such as `debian`: these alone, with what they need)
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { programArguments } from '../helpers/program-arguments.js';
import { cacheDirectory } from './cache.js';
import { fetchAll } from './fetch.js';
import { withLock } from './lock.js';
import { readManifest } from './manifest.js';

const USAGE = `npm run fetch -- [--refresh] [PRODUCT…]

Brings Debian kernels, QEMUs, firmware and a Debian guest into the cache folder ($BATON_CACHE or ~/.cache/baton).

  PRODUCT      such as debian or qemu-11.1: these alone, with what they need
  --refresh    look for newer packages`;

const { values, positionals } = programArguments(
  USAGE,
  { refresh: { type: 'boolean', default: false } },
  { allowPositionals: true },
);
const cache = cacheDirectory();
const log = (line: string) => console.log(line);

await mkdir(cache, { recursive: true });
const failures = await withLock(
  join(cache, 'lock'),
  () => log(`waiting for another fetch into ${cache}`),
  () => fetchAll({ cache, refresh: values.refresh, only: positionals, log }),
);
if (failures.length > 0) {
  for (const { names, error } of failures) console.error(`\n${names.join(', ')}: ${error.message}`);
  const advices = new Set(failures.map(({ error }) => error.advice).filter((advice) => advice !== undefined));
  for (const advice of advices) console.error(`\n${advice}`);
  process.exitCode = 1;
} else {
  for (const [name, { version }] of Object.entries(readManifest(cache).products)) {
    log(`${name.padEnd(22)} ${version}`);
  }
  log(`everything is in ${cache}`);
}
