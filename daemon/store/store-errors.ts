/** Turns what SQLite throws into errors that say what is wrong with the store and what to do. */
import Database from 'better-sqlite3';
import { BatonError } from '../errors.js';

export function translateSqliteError(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown;
  const primary = thrown.code.split('_').slice(0, 2).join('_');
  const options = { cause: thrown };
  switch (primary) {
    case 'SQLITE_FULL':
      return new BatonError('store_full', `no room left to write ${path}: make room on its disk`, options);
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new BatonError(
        'store_busy',
        `${path} is locked by another process: end what has it open, then try again`,
        options,
      );
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
      return new BatonError(
        'store_corrupt',
        `${path} is not a sound database (${thrown.message}): put a copy of it back; machines go on meanwhile`,
        options,
      );
    case 'SQLITE_IOERR':
    case 'SQLITE_READONLY':
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_PERM':
      return new BatonError(
        'store_failed',
        `${path} cannot be used (${thrown.code}: ${thrown.message})`,
        options,
      );
    default:
      return thrown;
  }
}
