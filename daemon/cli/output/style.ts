/** Colours, where they are wanted, and text of others made safe for a terminal. */
import { styleText } from 'node:util';
import type { Environment } from '../global-options.js';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'gray' | 'bold' | 'dim';
export type Paint = (colour: Colour, text: string) => string;

export function wantsColour(
  when: string | undefined,
  isTerminal: boolean,
  environment: Environment,
): boolean {
  if (when === 'always') return true;
  if (when === 'never') return false;
  if ((environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb') return false;
  const force = environment.FORCE_COLOR ?? '';
  return force === '' ? isTerminal : force !== '0';
}

export function painter(isColoured: boolean): Paint {
  if (!isColoured) return (_colour, text) => text;
  return (colour, text) => styleText(colour, text, { validateStream: false } as never);
}

/** Guests and VMMs may say anything: nothing of it shall move a cursor. */
export function safe(text: string): string {
  return text.replaceAll(/(?![\t\n])[\p{Cc}\p{Cf}]/gu, '\ufffd');
}

const STATE_COLOURS: Readonly<Record<string, Colour>> = {
  running: 'green',
  succeeded: 'green',
  ok: 'green',
  'can-upgrade': 'green',
  done: 'green',
  starting: 'cyan',
  stopping: 'cyan',
  pending: 'cyan',
  paused: 'yellow',
  suspended: 'yellow',
  cancelled: 'yellow',
  warn: 'yellow',
  'rolled-back': 'yellow',
  'rolling-back': 'yellow',
  undone: 'yellow',
  'needs-cold-restart': 'yellow',
  replaced: 'yellow',
  crashed: 'red',
  unresponsive: 'red',
  failed: 'red',
  block: 'red',
  deleted: 'red',
  'undo-failed': 'red',
  'cannot-upgrade': 'red',
  stopped: 'gray',
  gone: 'gray',
  info: 'cyan',
};

/** States have the same colour everywhere. */
export function colourOf(state: string): Colour | null {
  return STATE_COLOURS[state] ?? null;
}
