/** The completion script of zsh: a function `_baton` for a folder of its fpath. */
import { optionsAt, places, plain, spellings } from './candidates.js';
import type { ArgumentWords, CommandWords, Model, OptionWords } from './describe.js';

export function zsh(model: Model): string {
  const groups = places(model).filter(({ commands }) => commands.length > 0);
  const leaves = places(model).filter(({ commands }) => commands.length === 0);
  return `#compdef baton
# zsh completion of baton ${model.version}. Written by its build.
_baton_ask() {
  # What completion adds of its own comes before the kind.
  local kind=$@[-1]
  local -a names
  names=(\${(f)"$(_call_program names baton \${_baton_hosts[@]} __complete $kind 2>/dev/null)"})
  names=(\${names//:/\\\\:})
  names=(\${names/$'\\t'/:})
  _describe -t "$kind" "$kind" names
}
${groups.map((group) => menu(group.path, group.commands)).join('\n')}
${menu([], model.commands)}
${leaves.map((leaf) => leafFunction(model, leaf)).join('\n')}
_baton() {
  local -a _baton_hosts words_left
  local place='' word index
  for ((index = 2; index < CURRENT; index++)); do
    word=$words[index]
    case $word in
      --host|--token-file|--ca|--cert|--key) _baton_hosts+=($word $words[index+1]); ((index++)) ;;
${model.options
  .filter(({ takesValue, completion, long }) => takesValue && completion === null && long !== '--host')
  .map(({ long }) => `      ${long}) ((index++)) ;;`)
  .join('\n')}
      -*) ;;
      *)
        if (( $+functions[_baton\${place}_$word] )); then
          place+="_$word"
          if (( ! $+functions[_baton\${place}_menu] )); then
            words=("$words[index]" "\${(@)words[index+1,-1]}")
            (( CURRENT = CURRENT - index + 1 ))
            _baton\${place}
            return
          fi
        fi ;;
    esac
  done
  if [[ $words[CURRENT] == -* ]]; then
    _arguments ${optionsAt(model, { options: [] })
      .flatMap((option) => optionSpec(option))
      .join(' ')}
  else
    _baton\${place}_menu
  fi
}
_baton "$@"
`;
}

function menu(path: readonly string[], commands: readonly CommandWords[]): string {
  const name = ['_baton', ...path].join('_');
  const entries = commands.map((each) => `    '${each.path.at(-1)}:${plain(each.summary)}'`);
  const marker = path.length === 0 ? '' : `${name}() { ${name}_menu; }\n`;
  return `${marker}${name}_menu() {
  local -a commands
  commands=(
${entries.join('\n')}
  )
  _describe -t commands command commands
}`;
}

function leafFunction(model: Model, leaf: CommandWords): string {
  const options = optionsAt(model, leaf).flatMap((option) => optionSpec(option));
  const args = leaf.args.map((argument, index) => {
    const at = argument.isRepeated ? '*' : String(index + 1);
    const optional = argument.shape.startsWith('[') ? ':' : '';
    return `'${at}:${optional}${escaped(argument.description)}:${act(argument)}'`;
  });
  return `${['_baton', ...leaf.path].join('_')}() {
  _arguments -s \\
    ${[...options, ...args].join(' \\\n    ')}
}`;
}

function optionSpec(option: OptionWords): string[] {
  const value = option.takesValue ? `:value:${act(option)}` : '';
  const names = spellings(option);
  const head = names.length > 1 ? `'(${names.join(' ')})'{${names.join(',')}}` : `'${names[0]}`;
  const quote = names.length > 1 ? "'" : '';
  return [`${head}${quote}[${escaped(option.description)}]${value}'`];
}

function act({ choices, completion }: Pick<OptionWords | ArgumentWords, 'choices' | 'completion'>): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (completion === 'files') return '_files';
  return completion === null ? ' ' : `_baton_ask ${completion}`;
}

function escaped(description: string): string {
  return plain(description).replaceAll(/[[\]:]/g, (character) => `\\${character}`);
}
