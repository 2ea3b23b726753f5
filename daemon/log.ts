/** The daemon's log: JSON lines on stderr, written at once, so that the last words of a dying daemon are there. */
import { destination, type Logger, pino } from 'pino';
import type { LogLevel } from './config-schema.js';

export interface AdjustableLog {
  readonly log: Logger;
  /** Of this log and of all that were made of it. */
  setLevel(level: LogLevel): void;
}

/** Nothing that lets somebody in is logged, wherever it stands. */
const SECRETS = ['authorization', 'token', 'secret'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.headers.${name}`,
]);

/** pino gives each child a level of its own when it is made; here all of them look at one. */
export function createLog(level: LogLevel): AdjustableLog {
  const numberOf = (name: LogLevel) => pino.levels.values[name] ?? Number.POSITIVE_INFINITY;
  let least = numberOf(level);
  const hooks: pino.LoggerOptions['hooks'] = {
    logMethod(args, method, value) {
      if (value >= least) method.apply(this, args);
    },
  };
  const redact = { paths: SECRETS, censor: '(secret)' };
  const options = { level: 'trace', base: { pid: process.pid }, hooks, redact };
  return {
    log: pino(options, destination({ fd: 2, sync: true })),
    setLevel(name) {
      least = numberOf(name);
    },
  };
}
