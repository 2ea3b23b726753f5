/** The completion script of fish. */
import { places, plain } from './candidates.js';
import type { ArgumentWords, CommandWords, Model, OptionWords } from './describe.js';

export function fish(model: Model): string {
  const all = places(model);
  const leaves = all.filter(({ commands }) => commands.length === 0);
  const groups = all.filter(({ commands }) => commands.length > 0);
  const globals = model.options.filter(({ takesValue }) => takesValue).map(({ long }) => long);
  return `# fish completion of baton ${model.version}. Written by its build.
function __baton_words
    # The words so far without options; those of global options with their values.
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip -eq 1
            set skip 0
        else if contains -- $word ${globals.join(' ')}
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end
function __baton_at
    # Whether the command line has come to exactly this group, or to this command.
    set -l words (__baton_words)
    set -l path $argv[2..]
    test (count $words) -ge (count $path); or return 1
    for index in (seq (count $path))
        test "$words[$index]" = "$path[$index]"; or return 1
    end
    test $argv[1] = command; or test (count $words) -eq (count $path)
end
function __baton_hosts
    set -l words (commandline -opc)
    for index in (seq 2 (count $words))
        if contains -- $words[$index] --host --token-file --ca --cert --key
            echo $words[$index]
            echo $words[(math $index + 1)]
        end
    end
end
function __baton_ask
    baton (__baton_hosts) __complete $argv[1] 2>/dev/null
end
complete -c baton -f
${model.options.map((option) => `complete -c baton ${optionWords(option)}`).join('\n')}
complete -c baton -l help -s h -d 'Explain this command'
${model.commands.map((each) => entry("'test (count (__baton_words)) -eq 0'", each)).join('\n')}
${groups.flatMap(({ path, commands }) => commands.map((each) => entry(`'__baton_at group ${path.join(' ')}'`, each))).join('\n')}
${leaves.flatMap(leafLines).join('\n')}
`;
}

function entry(condition: string, { path, summary }: CommandWords): string {
  return `complete -c baton -n ${condition} -a ${path.at(-1)} -d '${plain(summary)}'`;
}

function leafLines({ path, options, args }: CommandWords): string[] {
  const condition = `-n '__baton_at command ${path.join(' ')}'`;
  const words = args.flatMap((argument) => {
    const candidates = act(argument);
    return candidates === null ? [] : [`complete -c baton ${condition} ${candidates}`];
  });
  return [...words, ...options.map((option) => `complete -c baton ${condition} ${optionWords(option)}`)];
}

function optionWords(option: OptionWords): string {
  const { long, short, description, takesValue } = option;
  const needs = option.completion === 'files' ? '-r' : '-x';
  const value = takesValue ? ` ${needs} ${act(option) ?? ''}`.trimEnd() : '';
  const letter = short === null ? '' : ` -s ${short.slice(1)}`;
  return `-l ${long.slice(2)}${letter}${value} -d '${plain(description)}'`;
}

function act({
  choices,
  completion,
}: Pick<OptionWords | ArgumentWords, 'choices' | 'completion'>): string | null {
  if (choices.length > 0) return `-a '${choices.join(' ')}'`;
  if (completion === 'files') return '-F';
  return completion === null ? null : `-a '(__baton_ask ${completion})'`;
}
