/** The daemon's log: JSON lines on stderr, written at once, so that the last words of a dying daemon are there. */
import { destination, type Logger, pino } from 'pino';
import type { LogLevel } from './config-schema.js';

export function createLog(level: LogLevel): Logger {
  return pino({ level, base: { pid: process.pid } }, destination({ fd: 2, sync: true }));
}
