/**
 * Makes commander's commands of what commands declare. For one that is called only its own line of the tree is made;
 * for help, manual and completion all of it is.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ArgumentSpec, CommandSpec, OptionSpec, Options } from './command.js';
import { type Loader, TREE } from './commands/index.js';
import type { Context } from './context.js';
import { GLOBAL_OPTIONS, type GlobalValues } from './global-options.js';

export { CommanderError };

export const SUMMARY = 'Runs machines, and replaces the VMM under a running one';
const HELP_COLUMNS = 80;

export type Perform = (
  spec: CommandSpec,
  values: {
    readonly args: Record<string, unknown>;
    readonly options: Record<string, unknown>;
    readonly globals: GlobalValues;
  },
) => Promise<void>;

export interface ParserOptions {
  readonly perform: Perform;
  readonly version: string;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Of the terminal; null: there is none. */
  readonly columns: number | null;
}

export type Path = readonly [string] | readonly [string, string];

/** The command that is called, when it is called by its whole name and not for help; without loading any. */
export function calledPath(argv: readonly string[]): Path | null {
  const words: string[] = [];
  const withValue = Object.values<OptionSpec<unknown>>(GLOBAL_OPTIONS).filter(({ parse }) => parse !== null);
  const flags = withValue.map(({ flags: text }) => text.split(/[ ,]/)[0]);
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === '--help' || word === '-h' || word === 'help') return null;
    if (word === '--') break;
    if (flags.includes(word)) index++;
    else if (!word.startsWith('-') && words.length < 2) words.push(word);
  }
  const [group, name] = words;
  if (group === undefined) return null;
  const entry = Object.hasOwn(TREE, group) ? TREE[group] : undefined;
  if (typeof entry === 'function') return [group];
  if (entry === undefined || name === undefined || !Object.hasOwn(entry.commands, name)) return null;
  return [group, name];
}

/** `path`: the only command there shall be; null: all of them. */
export async function makeProgram(path: Path | null, options: ParserOptions): Promise<Command> {
  const program = configured(new Command('baton'), options).summary(SUMMARY).description(`${SUMMARY}.`);
  program.version(`baton ${options.version}`, '--version', 'Print the version of this program');
  program.helpOption('-h, --help', 'Explain a command').helpCommand('help [command]', 'Explain a command');
  for (const option of optionsOf(GLOBAL_OPTIONS)) program.addOption(option);
  for (const [name, entry] of Object.entries(TREE)) {
    if (path !== null && path[0] !== name) continue;
    if (typeof entry === 'function') {
      await addCommand(program, name, entry, options);
      continue;
    }
    const group = configured(new Command(name), options)
      .summary(entry.summary)
      .description(`${entry.summary}.`);
    group.helpCommand(false);
    program.addCommand(group);
    for (const [leaf, load] of Object.entries(entry.commands)) {
      if (path === null || path[1] === leaf) await addCommand(group, leaf, load, options);
    }
  }
  return program;
}

const SPECS = new WeakMap<Command, CommandSpec>();

/** What a command was made of; undefined for groups. */
export function specOf(command: Command): CommandSpec | undefined {
  return SPECS.get(command);
}

async function addCommand(
  parent: Command,
  name: string,
  load: Loader,
  options: ParserOptions,
): Promise<void> {
  const spec = await load();
  const command = configured(new Command(name), options).summary(spec.summary).description(spec.description);
  SPECS.set(command, spec);
  for (const [argumentName, argument] of Object.entries(spec.args)) {
    command.addArgument(argumentOf(argumentName, argument));
  }
  for (const option of optionsOf(spec.options)) command.addOption(option);
  if (spec.examples.length > 0) command.addHelpText('after', () => examplesText(spec));
  const path = parent.parent === null && parent.name() === 'baton' ? name : `${parent.name()} ${name}`;
  command.showHelpAfterError(`(baton ${path} --help explains it)`);
  command.action(async (...received: unknown[]) => {
    const self = received.at(-1) as Command;
    const names = Object.keys(spec.args);
    const args = Object.fromEntries(names.map((argument, index) => [argument, received[index]]));
    const globals = self.parent === null ? {} : globalsOf(self);
    await options.perform(spec, { args, options: self.opts(), globals });
  });
  parent.addCommand(command, { hidden: spec.isHidden });
}

function globalsOf(command: Command): GlobalValues {
  let top = command;
  while (top.parent !== null) top = top.parent;
  return top.opts();
}

function configured(command: Command, { write, writeError, columns }: ParserOptions): Command {
  return command
    .exitOverride()
    .helpOption('-h, --help', 'Explain this command')
    .configureHelp({
      showGlobalOptions: true,
      helpWidth: Math.min(columns ?? HELP_COLUMNS, 100),
      sortSubcommands: false,
    })
    .configureOutput({
      writeOut: write,
      writeErr: writeError,
      outputError: (text, writeIt) => writeIt(text.replace(/^error: /, 'baton: ')),
      getOutHelpWidth: () => columns ?? HELP_COLUMNS,
      getErrHelpWidth: () => columns ?? HELP_COLUMNS,
    });
}

function optionsOf(options: Options): Option[] {
  return Object.entries(options).map(([name, spec]) => {
    const option = new Option(spec.flags, spec.description);
    if (option.attributeName() !== name) {
      throw new Error(
        `expected the option ${spec.flags} to be declared as ${option.attributeName()}, not ${name}`,
      );
    }
    if (spec.isRequired) option.makeOptionMandatory();
    if (spec.choices !== null) option.choices([...spec.choices]);
    const { parse } = spec;
    if (parse !== null && (spec.choices === null || spec.isRepeated)) {
      option.argParser((text: string, before: unknown) => {
        const value = parsed(parse, text);
        return spec.isRepeated ? [...((before as unknown[] | undefined) ?? []), value] : value;
      });
    }
    return option;
  });
}

function parsed(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function argumentOf(name: string, { kind, description, choices }: ArgumentSpec<unknown>): Argument {
  const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const shape = { required: `<${dashed}>`, optional: `[${dashed}]`, several: `<${dashed}...>` }[kind];
  const argument = new Argument(shape, description);
  if (choices !== null) argument.choices([...choices]);
  return argument;
}

function examplesText({ examples }: CommandSpec): string {
  const width = Math.max(...examples.map(({ line }) => line.length));
  const lines = examples.map(({ line, does }) =>
    width > 44 ? `  ${line}\n      ${does}` : `  ${line.padEnd(width)}  ${does}`,
  );
  return `\nExamples:\n${lines.join('\n')}`;
}

export type { Context };
