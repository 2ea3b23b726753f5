/** docs/install.md: what it installs is installed by test/service; the rest changes hosts. */
import { testPage } from './walk.js';

testPage('docs/install.md', { hasDaemon: true });
