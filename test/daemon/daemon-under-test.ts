/**
 * batond as it is, but with a VMM of the test's choice, and mortal: it kills itself, as `kill -9` would, at the
 * moment of an upgrade whose name stands in the file DIE_AT. All moments are told in the file TOLD. Arguments: as batond's, then the path of its VMM, or
 * nothing for a daemon without one.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createApp } from '../../daemon/app.js';
import { parseCommandLine } from '../../daemon/config.js';
import { listen } from '../../daemon/listen.js';
import { createLog } from '../../daemon/log.js';
import { DIE_AT, TOLD } from './die-at.js';
import { PATIENT } from './guest-agent/agent-vmm.js';

const argv = process.argv.slice(2);
const vmm = argv.pop() ?? '';
const request = parseCommandLine(argv);
if (request.action !== 'run') throw new Error('expected the arguments of a daemon that runs');
const { config } = request;
const dieAt = `${config.stateDir}/${DIE_AT}`;
const told = `${config.stateDir}/${TOLD}`;

const { close } = await listen(config, (settings) =>
  createApp({
    ...settings,
    version: '0',
    deadlinesMs: PATIENT,
    log: createLog(config.logLevel).log,
    ownBuild: vmm === '' ? null : { kind: 'baton', path: vmm },
    journalObserver: (moment) => {
      appendFileSync(told, `${moment}\n`);
      if (existsSync(dieAt) && readFileSync(dieAt, 'utf8') === moment) process.kill(process.pid, 'SIGKILL');
    },
  }),
);
process.on('SIGTERM', () => void close(10_000).then(() => process.exit(0)));
