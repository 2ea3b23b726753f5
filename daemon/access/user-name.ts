/** Users of this host, as its own list has them. One that only a directory service knows goes by its number. */
import { readFileSync } from 'node:fs';

const USERS = '/etc/passwd';

export function userName(uid: number): string {
  const line = readFileSync(USERS, 'utf8')
    .split('\n')
    .map((text) => text.split(':'))
    .find(([, , number]) => number === String(uid));
  return line?.[0] || String(uid);
}
