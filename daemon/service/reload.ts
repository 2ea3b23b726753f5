/** What a reload puts into effect, and which changes have to wait for a restart. */
import type { Config } from '../config.js';

/** Members that a running daemon can take over. */
const RELOADABLE: readonly (keyof Config)[] = ['logLevel'];

/** Names of the members that differ and that only a restart puts into effect. */
export function waitingForRestart(running: Config, read: Config): string[] {
  return Object.entries(read)
    .filter(([name]) => !RELOADABLE.includes(name as keyof Config))
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(running[name as keyof Config]))
    .map(([name]) => name);
}
