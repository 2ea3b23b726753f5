/** Pages about the interface, read beside a machine that runs. */
import { testPage } from './walk.js';

const before = 'baton machine create web1 -m 128M --kernel /srv/web1.kernel --start && cd /tmp';

testPage('docs/rest.md', { hasDaemon: true, before });
testPage('docs/events.md', { hasDaemon: true, before });
testPage('docs/security.md', { hasDaemon: true, before });
