/**
 * batond for one caller that asks as much as many would: without the limits of one. Not bundled, otherwise as it is.
 * Arguments: as batond's.
 */
import { fileURLToPath } from 'node:url';
import { createApp } from '../../daemon/app.js';
import { parseCommandLine } from '../../daemon/config.js';
import { listen } from '../../daemon/listen.js';
import { createLog } from '../../daemon/log.js';

const OWN_VMM = fileURLToPath(new URL('../../vmm/baton-vmm.cjs', import.meta.url));
const MANY = 1_000_000;

const request = parseCommandLine(process.argv.slice(2));
if (request.action !== 'run') throw new Error('expected the arguments of a daemon that runs');
const { log } = createLog(request.config.logLevel);
const limits = {
  requestsPerSecond: MANY,
  changesPerSecond: MANY,
  connectionsPerUser: MANY,
};
const { close } = await listen(request.config, (settings) =>
  createApp({
    ...settings,
    access: { ...settings.access, limits: { ...settings.access.limits, ...limits }, maxStreams: MANY },
    version: '0',
    log,
    ownBuild: { kind: 'baton', path: OWN_VMM },
  }),
);
process.on('SIGTERM', () => void close(10_000).then(() => process.exit(0)));
