/** What the system said about a socket, in its words: for messages that already name the socket. */
import { getSystemErrorMap } from 'node:util';

export function systemReason(error: unknown): string {
  const { errno, message } = error as { errno?: unknown; message?: unknown };
  if (typeof errno === 'number') {
    const known = getSystemErrorMap().get(-Math.abs(errno));
    if (known !== undefined) return `${known[1]} (${known[0]})`;
  }
  return String(message ?? error);
}
