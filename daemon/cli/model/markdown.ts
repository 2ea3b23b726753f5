/** docs/cli.md: the same as the manual page, to be read in a browser. */
import { type CommandWords, leaves, type Model, type OptionWords } from './describe.js';
import { DESCRIPTION, ENVIRONMENT, EXITS, FINDING } from './sections.js';

export function markdown(model: Model): string {
  return `${[
    '# baton',
    '<!-- Written by `node dist/daemon/cli/write-docs.js`; a test compares. -->',
    `${model.summary}.`,
    ...DESCRIPTION,
    'This is the manual page `baton(1)`, which is installed with the shell completions (`baton completion --help`).',
    '## Finding the daemon',
    ...FINDING,
    table(
      ['variable', ''],
      ENVIRONMENT.map(([name, means]) => [code(name), means]),
    ),
    '## Exit status',
    table(
      ['status', ''],
      EXITS.map(([status, means]) => [status, means]),
    ),
    '## Options of every command',
    optionTable(model.options),
    '## Commands',
    ...leaves(model).map(command),
  ].join('\n\n')}\n`;
}

function command({ path, usage, description, args, options, examples }: CommandWords): string {
  const shown = options.length === 0 ? usage.replace(' [options]', '') : usage;
  return [
    `### baton ${path.join(' ')}`,
    code(shown),
    description,
    ...(args.length === 0
      ? []
      : [
          table(
            ['argument', ''],
            args.map((each) => [code(each.shape), each.description]),
          ),
        ]),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    ['```sh', ...examples.map(({ line, does }) => `${line}    # ${does}`), '```'].join('\n'),
  ].join('\n\n');
}

function optionTable(options: readonly OptionWords[]): string {
  return table(
    ['option', ''],
    options.map(({ flags, description, choices }) => {
      const among =
        choices.length === 0 || choices.every((choice) => description.includes(choice))
          ? ''
          : ` (${choices.join(', ')})`;
      return [code(flags), description + among];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(words: string): string {
  return `\`${words}\``;
}
