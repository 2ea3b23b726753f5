/** README.md, as somebody reads it who has cloned the repository; built it is, unless that is asked for too. */
import { ROOT } from './page.js';
import { NETWORK } from './user.js';
import { testPage } from './walk.js';

const isFresh = process.env[NETWORK] === '1';

testPage('README.md', {
  cwd: ROOT,
  hasDaemon: false,
  before: [
    ...(isFresh ? [`git clone --quiet '${ROOT}' /tmp/baton`, 'cd /tmp/baton'] : []),
    'if command -v qemu-img; then qemu-img create -q -f qcow2 /srv/db1.qcow2 1G; fi',
  ].join('\n'),
});
