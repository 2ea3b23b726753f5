/** The kinds of options and arguments that commands are declared with. */
import type { ArgumentSpec, Completion, OptionSpec } from './command.js';
import { parseDuration, parseMemory } from './quantities.js';

interface Extras {
  readonly completion?: Completion;
  readonly choices?: readonly string[];
}

function option<T>(
  flags: string,
  description: string,
  parse: ((text: string) => unknown) | null,
  { completion = null, choices }: Extras = {},
): OptionSpec<T | undefined> {
  return {
    ...{ flags, description, completion, parse },
    choices: choices ?? null,
    isRepeated: false,
    isRequired: false,
  };
}

/** Given or not; `--no-x` is true until it is given. */
export const flag = (flags: string, description: string) =>
  option<boolean>(flags, description, null) as OptionSpec<boolean>;

export const text = (flags: string, description: string, extras?: Extras) =>
  option<string>(flags, description, (value) => value, extras);

export const required = <T>(spec: OptionSpec<T | undefined>) =>
  ({ ...spec, isRequired: true }) as OptionSpec<T>;

export const several = <T>(spec: OptionSpec<T | undefined>) =>
  ({ ...spec, isRepeated: true }) as OptionSpec<T[] | undefined>;

export function oneOf<const T extends string>(flags: string, description: string, choices: readonly T[]) {
  return option<T>(flags, description, (value) => value, { choices });
}

export function integer(flags: string, description: string, least = 0) {
  return option<number>(flags, description, (value) => {
    if (/^[0-9]{1,15}$/.test(value) && Number(value) >= least) return Number(value);
    throw new Error(`expected a whole number of at least ${least}.`);
  });
}

/** In milliseconds. */
export const duration = (flags: string, description: string) =>
  option<number>(flags, description, parseDuration);

/** In MiB. */
export const memory = (flags: string, description: string) => option<number>(flags, description, parseMemory);

function argument<T>(
  kind: ArgumentSpec<T>['kind'],
  description: string,
  { completion = null, choices }: Extras,
): ArgumentSpec<T> {
  return { kind, description, completion, choices: choices ?? null };
}

export const one = (description: string, extras: Extras = {}) =>
  argument<string>('required', description, extras);
export const maybe = (description: string, extras: Extras = {}) =>
  argument<string | undefined>('optional', description, extras);
export const many = (description: string, extras: Extras = {}) =>
  argument<string[]>('several', description, extras);

export const machineArgument = one('Name or id of a machine', { completion: 'machines' });
export const machinesArgument = many('Names or ids of machines', { completion: 'machines' });
export const noWait = flag('--no-wait', 'Say what was begun, and do not wait for its end');
