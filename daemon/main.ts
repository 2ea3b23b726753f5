#!/usr/bin/env node
/**
 * batond. Reads its configuration, takes the lock, listens, tells its supervisor, and ends on a signal; its machines run
 * on. Exit code 0 after a signal, 1 when it could not start (with one sentence on stderr), 2 for a wrong command line or
 * configuration.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type App, type AppOptions, createApp } from './app.js';
import { type Config, ConfigError, HELP, parseCommandLine, type VmmConfig } from './config.js';
import { messageOf } from './errors.js';
import { VMMS_OF_ROOT } from './host/checks.js';
import { hasSystemd } from './instance/unit-starter.js';
import { runsVmmsAsRoot } from './instance/vmm-user.js';
import { listen } from './listen.js';
import { type AdjustableLog, createLog } from './log.js';
import { groupNamed, userNamed } from './service/accounts.js';
import { takeInheritedSockets } from './service/inherited-sockets.js';
import { type Supervision, supervisionOf } from './service/notify.js';
import { Reloads, waitingForRestart } from './service/reload.js';
import { startWatchdog } from './service/watchdog.js';

/** From dist/daemon/ in an installation. */
const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));
const OWN_VMM = fileURLToPath(new URL('../vmm/baton-vmm.cjs', import.meta.url));
/** An upgrade under way is let finish: its guest may stand still just now. */
const SHUTDOWN_DEADLINE_MS = 20_000;

function version(): string {
  return (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
}

/** The first SIGTERM or SIGINT. Those that come after it are nothing: it is being seen to. */
function endAsked(): Promise<string> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  });
}

/** Throws when the store is of no use. */
function statusOf({ services: { store } }: App): string {
  store.check();
  const counts = store.machines.countsByState();
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return `${all} machines, ${counts.get('running') ?? 0} running`;
}

/** A store that is busy just now does not end a daemon that was asked to read its configuration. */
function statusOrTrouble(app: App): string {
  try {
    return statusOf(app);
  } catch (error) {
    return `not well: ${messageOf(error)}`;
  }
}

/** Who VMMs run as, and whether each is in a unit. Throws when it is asked for what this host does not have. */
function placeOf({ units, slice, user, group }: VmmConfig): Pick<AppOptions, 'vmmUser' | 'slice'> {
  if (units === 'always' && !hasSystemd())
    throw new Error('vmm.units is always, but systemd does not run here');
  const account = user === null ? null : userNamed(user);
  const vmmUser = account === null || group === null ? account : { ...account, gid: groupNamed(group) };
  /* Units of the system are root's to start. */
  const hasUnits = units === 'always' || (units === 'auto' && hasSystemd() && process.geteuid?.() === 0);
  return { vmmUser, slice: hasUnits ? slice : null };
}

/** A file that is not sound changes nothing. */
function reload(running: Config, { log, setLevel }: AdjustableLog, readCertificates: () => void): void {
  try {
    const request = parseCommandLine(process.argv.slice(2));
    if (request.action !== 'run') return;
    setLevel(request.config.logLevel);
    readCertificates();
    log.info({ waitingForRestart: waitingForRestart(running, request.config) }, 'configuration read again');
  } catch (error) {
    log.error({ err: error }, 'the configuration is not sound: the one before stays in effect');
  }
}

async function run(config: Config, supervision: Supervision): Promise<void> {
  process.umask(0o077);
  /* Heard from the start: what comes before we listen is seen to as well, in order. */
  const asked = endAsked();
  const reloads = new Reloads();
  process.on('SIGHUP', () => reloads.ask());
  const adjustable = createLog(config.logLevel);
  const { log } = adjustable;
  const inherited = takeInheritedSockets(process.env, process.pid);
  const ownBuild = { kind: 'baton', path: OWN_VMM } as const;
  const {
    app,
    close,
    reload: readCertificates,
  } = await listen(
    config,
    (settings) => createApp({ ...settings, ...placeOf(config.vmm), version: version(), log, ownBuild }),
    inherited,
  );
  if (runsVmmsAsRoot()) log.warn({ remedy: VMMS_OF_ROOT.remedy }, VMMS_OF_ROOT.sentence);
  log.info({ socket: config.socketPath, machines: app.services.store.machines.all().length }, 'listening');
  supervision.ready(statusOf(app));
  const watchdog = startWatchdog(supervision, () => statusOf(app));
  reloads.perform(() => {
    supervision.reloading();
    reload(config, adjustable, readCertificates);
    supervision.ready(statusOrTrouble(app));
  });
  log.info({ signal: await asked }, 'stopping, machines run on');
  supervision.stopping('stopping, machines run on');
  try {
    await close(SHUTDOWN_DEADLINE_MS);
  } catch (error) {
    log.fatal({ err: error }, 'could not stop in order');
    process.exit(1);
  }
  watchdog.stop();
  process.exit(0);
}

/* Not at the top level: a bundle cannot wait there. */
async function main(): Promise<void> {
  try {
    const supervision = supervisionOf(process.env, process.pid);
    const request = parseCommandLine(process.argv.slice(2));
    if (request.action === 'help') process.stdout.write(HELP);
    else if (request.action === 'version') process.stdout.write(`batond ${version()}\n`);
    else if (request.action === 'check') {
      process.stdout.write(
        `${request.file ?? 'the command line'} is sound; state in ${request.config.stateDir}\n`,
      );
    } else await run(request.config, supervision);
  } catch (error) {
    process.stderr.write(`batond: ${messageOf(error)}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}

void main();
