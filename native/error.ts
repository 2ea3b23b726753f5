/**
 * The one error of failed system calls. `code` is what a caller matches on ('EAGAIN'); the message says what
 * was tried, which call failed and what the system answered. Made in native/src/errors.cpp.
 */
import { constants } from 'node:os';

export class NativeError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(message: string, errno: number, syscall: string) {
    const code = codeOf(errno);
    super(`${code}: ${message}`);
    this.name = 'NativeError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** The symbolic name; of two names with one number (EAGAIN, EWOULDBLOCK) the first in the alphabet. */
function codeOf(errno: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === errno);
  return known?.[0] ?? `E${errno}`;
}
