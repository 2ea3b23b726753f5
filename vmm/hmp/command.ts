/**
 * What a command of the human monitor is: its names and arguments as data, and what it prints. Commands call the
 * monitor's QMP commands, so that both say and do the same.
 */
import { type Command, type MonitorContext, runCommand } from '../qmp/command.js';

export type HmpArgument =
  /** `-d` */
  | { readonly kind: 'flag'; readonly letter: string; readonly name: string }
  /** One word, or a text in quotes. */
  | { readonly kind: 'string'; readonly name: string }
  /** `on` or `off`. */
  | { readonly kind: 'bool'; readonly name: string }
  /** A whole number that may be left out. */
  | { readonly kind: 'number'; readonly name: string; readonly optional: true }
  /** Whatever is left of the line. */
  | { readonly kind: 'rest'; readonly name: string; readonly optional?: true };

export interface HmpCommand {
  /** The first is its name, the others are short for it. */
  readonly names: readonly string[];
  /** As `help` shows them behind the name. */
  readonly parameters: string;
  readonly help: string;
  readonly args: readonly HmpArgument[];
  /** What is printed; every line ends in a line feed. */
  run(context: MonitorContext, args: HmpValues): string | Promise<string>;
}

/** Flags and booleans are `true` or `false`, everything else is text; what is left out is false or empty. */
export class HmpValues {
  readonly #values: ReadonlyMap<string, string | boolean>;

  constructor(values: ReadonlyMap<string, string | boolean>) {
    this.#values = values;
  }

  text(name: string): string {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : '';
  }

  isSet(name: string): boolean {
    return this.#values.get(name) === true;
  }
}

/** Gives a QMP command. It is checked as if it had come over QMP. Throws `QmpError`. */
export function qmp<T>(context: MonitorContext, command: Command, args: object = {}): Promise<T> {
  return runCommand(command, context, args as Record<string, unknown>) as Promise<T>;
}
