#!/usr/bin/env node
/**
 * batond. Reads the command line, takes the lock, listens, and ends on a signal; its machines run on. Exit code
 * 0 after a signal, 1 when it could not start (with one sentence on stderr), 2 for a wrong command line.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createApp } from './app.js';
import { type Config, ConfigError, HELP, parseCommandLine } from './config.js';
import { messageOf } from './errors.js';
import { listen } from './listen.js';
import { createLog } from './log.js';

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

async function run(config: Config): Promise<void> {
  process.umask(0o077);
  /* Heard from the start: one that comes before we listen ends us in order as well. */
  const asked = endAsked();
  const log = createLog(config.logLevel);
  const { app, close } = await listen(config, (settings) =>
    createApp({ ...settings, version: version(), log, ownBuild: { kind: 'baton', path: OWN_VMM } }),
  );
  log.info({ socket: config.socketPath, machines: app.services.store.machines.all().length }, 'listening');
  log.info({ signal: await asked }, 'stopping, machines run on');
  try {
    await close(SHUTDOWN_DEADLINE_MS);
  } catch (error) {
    log.fatal({ err: error }, 'could not stop in order');
    process.exit(1);
  }
  process.exit(0);
}

try {
  const request = parseCommandLine(process.argv.slice(2));
  if (request.action === 'help') process.stdout.write(HELP);
  else if (request.action === 'version') process.stdout.write(`batond ${version()}\n`);
  else if (request.action === 'check') {
    process.stdout.write(
      `${request.file ?? 'the command line'} is sound; state in ${request.config.stateDir}\n`,
    );
  } else await run(request.config);
} catch (error) {
  process.stderr.write(`batond: ${messageOf(error)}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
