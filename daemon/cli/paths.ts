/** Paths as the daemon takes them, which knows no folder of ours. */
import { resolve } from 'node:path';

export function absolute(path: string): string {
  return resolve(path);
}
