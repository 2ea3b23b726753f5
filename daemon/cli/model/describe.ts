/** The whole command line as data: what help, manual and completion are written from. */
import type { Command, Option } from 'commander';
import type { CommandSpec, Completion, Example, OptionSpec } from '../command.js';
import { GLOBAL_OPTIONS } from '../global-options.js';
import { makeProgram, SUMMARY, specOf } from '../parser.js';

export interface OptionWords {
  readonly flags: string;
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly completion: Completion;
}

export interface ArgumentWords {
  /** `<machine>`, `[build]`, `<machines...>`. */
  readonly shape: string;
  readonly description: string;
  readonly choices: readonly string[];
  readonly completion: Completion;
  readonly isRepeated: boolean;
}

export interface CommandWords {
  /** Without `baton`: `machine list`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly usage: string;
  readonly args: readonly ArgumentWords[];
  readonly options: readonly OptionWords[];
  readonly examples: readonly Example[];
  readonly commands: readonly CommandWords[];
}

export interface Model {
  readonly version: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  readonly commands: readonly CommandWords[];
}

const SILENT = {
  perform: async () => undefined,
  write: () => undefined,
  writeError: () => undefined,
  columns: null,
};

export async function describeAll(version: string): Promise<Model> {
  const program = await makeProgram(null, { ...SILENT, version });
  return {
    version,
    summary: SUMMARY,
    options: program.options
      .map((option) => optionWords(option, GLOBAL_OPTIONS))
      .filter(({ long }) => long !== '--version'),
    commands: visible(program).map((command) => commandWords(command, [])),
  };
}

/** Leaves only, in order. */
export function leaves({ commands }: Pick<Model, 'commands'>): CommandWords[] {
  return commands.flatMap((command) => (command.commands.length === 0 ? [command] : leaves(command)));
}

function visible(command: Command): Command[] {
  return command.commands.filter((each) => !specOf(each)?.isHidden);
}

function commandWords(command: Command, above: readonly string[]): CommandWords {
  const path = [...above, command.name()];
  const spec = specOf(command);
  const commands = visible(command).map((each) => commandWords(each, path));
  return {
    path,
    summary: command.summary(),
    description: command.description(),
    usage: `baton ${path.join(' ')} ${commands.length > 0 ? '<command>' : command.usage()}`.trim(),
    args: argumentWords(command, spec),
    options: command.options.map((option) => optionWords(option, spec?.options ?? {})),
    examples: spec?.examples ?? [],
    commands,
  };
}

function argumentWords(command: Command, spec: CommandSpec | undefined): ArgumentWords[] {
  return command.registeredArguments.map((argument, index) => {
    const dots = argument.variadic ? '...' : '';
    const [open, close] = argument.required ? '<>' : '[]';
    return {
      shape: `${open}${argument.name()}${dots}${close}`,
      description: argument.description,
      choices: argument.argChoices ?? [],
      completion: Object.values(spec?.args ?? {})[index]?.completion ?? null,
      isRepeated: argument.variadic,
    };
  });
}

function optionWords(option: Option, specs: Readonly<Record<string, OptionSpec<unknown>>>): OptionWords {
  return {
    flags: option.flags,
    long: option.long ?? '',
    short: option.short ?? null,
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    completion: specs[option.attributeName()]?.completion ?? null,
  };
}
