/** What a word of the command line can be, in the terms of a shell's script. */
import type { CommandWords, Model, OptionWords } from './describe.js';

/** All that can be walked to: the root, groups and leaves, by path. */
export function places(model: Model): CommandWords[] {
  const walk = (command: CommandWords): CommandWords[] => [command, ...command.commands.flatMap(walk)];
  return model.commands.flatMap(walk);
}

export const HELP: OptionWords = {
  flags: '-h, --help',
  long: '--help',
  short: '-h',
  description: 'Explain this command',
  takesValue: false,
  choices: [],
  completion: null,
};

export function optionsAt(model: Model, { options }: Pick<CommandWords, 'options'>): OptionWords[] {
  return [...options, ...model.options, HELP];
}

/** Each spelling of those that take a value. */
export function withValue(options: readonly OptionWords[]): OptionWords[] {
  return options.filter(({ takesValue }) => takesValue);
}

export function spellings({ long, short }: OptionWords): string[] {
  return short === null ? [long] : [short, long];
}

export function plain(description: string): string {
  return description.replaceAll(/['"`$\\]/g, '');
}
