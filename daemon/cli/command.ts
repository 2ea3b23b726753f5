/**
 * What a command is: its words, and what it does. The words alone make help, manual and completion; the parser is made
 * of them in `parser.ts`. The types of what a command gets follow from what it declares.
 */
import type { Context } from './context.js';

/** Names that only the daemon, or the file system, knows. */
export type Completion = 'machines' | 'builds' | 'operations' | 'upgrades' | 'tokens' | 'files' | null;

export interface OptionSpec<T> {
  /** As commander has them: `-n, --name <text>`. */
  readonly flags: string;
  readonly description: string;
  readonly completion: Completion;
  readonly choices: readonly string[] | null;
  /** Given several times, each counts. */
  readonly isRepeated: boolean;
  readonly isRequired: boolean;
  /** Throws an `Error` whose message says what was expected; null: it has no value. */
  readonly parse: ((text: string) => unknown) | null;
  readonly __value?: T;
}

export interface ArgumentSpec<T> {
  readonly description: string;
  readonly completion: Completion;
  readonly choices: readonly string[] | null;
  readonly kind: 'required' | 'optional' | 'several';
  readonly __value?: T;
}

export interface Example {
  readonly line: string;
  readonly does: string;
}

// biome-ignore lint/suspicious/noExplicitAny: any type of value
export type Options = Readonly<Record<string, OptionSpec<any>>>;
// biome-ignore lint/suspicious/noExplicitAny: any type of value
export type Arguments = Readonly<Record<string, ArgumentSpec<any>>>;

type ValuesOf<T> = { readonly [K in keyof T]: T[K] extends { readonly __value?: infer V } ? V : never };

export interface CommandSpec {
  /** One line, without a full stop. */
  readonly summary: string;
  /** Whole sentences. */
  readonly description: string;
  readonly args: Arguments;
  readonly options: Options;
  readonly examples: readonly Example[];
  readonly isHidden: boolean;
  /** Somebody works in it, and is not cut off by --timeout. */
  readonly isInteractive: boolean;
  run(context: Context, args: Record<string, unknown>, options: Record<string, unknown>): Promise<void>;
}

interface Declaration<A extends Arguments, O extends Options> {
  readonly summary: string;
  readonly description: string;
  readonly args?: A;
  readonly options?: O;
  readonly examples: readonly (readonly [line: string, does: string])[];
  readonly isHidden?: boolean;
  readonly isInteractive?: boolean;
  run(
    context: Context,
    args: { -readonly [K in keyof A]-?: ValuesOf<A>[K] },
    options: { -readonly [K in keyof O]-?: ValuesOf<O>[K] },
  ): Promise<void>;
}

export function defineCommand<
  A extends Arguments = Record<never, never>,
  O extends Options = Record<never, never>,
>(declared: Declaration<A, O>): CommandSpec {
  const { summary, description, args, options, examples, run } = declared;
  const { isHidden = false, isInteractive = false } = declared;
  return {
    summary,
    description,
    args: args ?? {},
    options: options ?? {},
    examples: examples.map(([line, does]) => ({ line, does })),
    isHidden,
    isInteractive,
    run: run as CommandSpec['run'],
  };
}
