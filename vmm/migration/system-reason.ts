/** What the system said, in its own words: for messages that already name the file, socket or program. */
import { getSystemErrorMap } from 'node:util';

/** The C library's words where Node has others. */
const WORDS: Readonly<Record<string, string>> = {
  E2BIG: 'Argument list too long',
  EADDRINUSE: 'Address already in use',
  EBADF: 'Bad file descriptor',
  EFBIG: 'File too large',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ENOENT: 'No such file or directory',
  ENOEXEC: 'Exec format error',
  ENOTDIR: 'Not a directory',
  ENXIO: 'No such device or address',
  EROFS: 'Read-only file system',
};

export function systemReason(error: unknown): string {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  const known = typeof errno === 'number' ? getSystemErrorMap().get(-Math.abs(errno)) : undefined;
  const name = known?.[0] ?? code;
  if (typeof name === 'string' && Object.hasOwn(WORDS, name)) return WORDS[name] ?? name;
  const words = known?.[1] ?? String(message ?? error);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
