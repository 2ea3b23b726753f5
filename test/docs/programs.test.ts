/** Pages about programs that need no daemon. */
import { cacheDirectory } from '../fetch/cache.js';
import { ROOT } from './page.js';
import { testPage } from './walk.js';

testPage('docs/baton-vmm.md', { hasDaemon: true });
testPage('docs/development.md', {
  cwd: ROOT,
  hasDaemon: false,
  before: `mkdir -p ~/.cache && ln -s '${cacheDirectory()}' ~/.cache/baton`,
});
