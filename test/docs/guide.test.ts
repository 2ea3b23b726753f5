/** docs/guide.md, with what it takes for granted: a daemon, and Debian in the cache if it is there. */
import { cacheDirectory } from '../fetch/cache.js';
import { testPage } from './walk.js';

testPage('docs/guide.md', {
  hasDaemon: true,
  before: `mkdir -p ~/.cache && ln -s '${cacheDirectory()}' ~/.cache/baton`,
});
