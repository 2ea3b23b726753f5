/** Completion scripts: what the model knows is in them, names that only the daemon knows are asked of `baton __complete`. */
import { bash } from './bash.js';
import type { Model } from './describe.js';
import { fish } from './fish.js';
import { zsh } from './zsh.js';

export const SHELLS = { bash, zsh, fish } as const;

export function completionOf(shell: keyof typeof SHELLS, model: Model): string {
  return SHELLS[shell](model);
}
