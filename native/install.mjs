/**
 * Run when the package is installed: the addon that came with it is used where it loads, and built from its sources where
 * it does not (another processor, an older C library). Usage: node native/install.mjs
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ADDON = fileURLToPath(new URL('build/Release/baton.node', import.meta.url));

function loads() {
  if (!existsSync(ADDON)) return false;
  try {
    process.dlopen({ exports: {} }, ADDON);
    return true;
  } catch {
    return false;
  }
}

if (loads()) console.log('native: the addon of the package fits this machine');
else await import('./build.mjs');
