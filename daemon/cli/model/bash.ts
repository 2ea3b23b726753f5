/** The completion script of bash. Works without the package bash-completion. */
import { optionsAt, places, spellings, withValue } from './candidates.js';
import type { ArgumentWords, CommandWords, Model, OptionWords } from './describe.js';

export function bash(model: Model): string {
  const all = places(model);
  const ofLeaves = all.flatMap(({ path, options }) =>
    withValue(options).flatMap((option) =>
      spellings(option).map((spelling) => ({ pattern: `'${path.join(' ')} ${spelling}'`, option })),
    ),
  );
  const ofAll = withValue(model.options).map((option) => ({ pattern: `*' ${option.long}'`, option }));
  const values = [...ofLeaves, ...ofAll];
  const known = values.map(({ pattern }) => `    ${pattern}) return 0 ;;`);
  return `# bash completion of baton ${model.version}. Written by its build.
_baton_ask() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(baton "\${hosts[@]}" __complete "$1" 2>/dev/null | cut -f1)" -- "$cur"))
}
_baton_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_baton_files() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -- "$cur"))
  compopt -o filenames 2>/dev/null
}
_baton_takes_value() {
  case "$1" in
${known.join('\n')}
  esac
  return 1
}
_baton_value() {
  case "$1" in
${values.map(({ pattern, option }) => `    ${pattern}) ${act(option)} ;;`).join('\n')}
    *) return 1 ;;
  esac
  return 0
}
_baton() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' word before='' count=0 index hosts=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $before ]]; then
      case "$before" in --host | --token-file | --ca | --cert | --key) hosts+=("$before" "$word") ;; esac
      before=''
    elif [[ $word == -* ]]; then
      _baton_takes_value "$path $word" && before=$word
    else
      case "$path $word" in
${all.map(({ path }) => `        ' ${path.join(' ')}' | '${path.join(' ')}') path='${path.join(' ')}' ;;`).join('\n')}
        *) count=$((count + 1)) ;;
      esac
    fi
  done
  if [[ -n $before ]]; then
    _baton_value "$path $before"
  elif [[ $cur == -* ]]; then
    case "$path" in
${all.map((place) => `      '${place.path.join(' ')}') _baton_words '${longs(model, place)}' ;;`).join('\n')}
      *) _baton_words '${longs(model, { options: [] })} --version' ;;
    esac
  else
    case "$path" in
      '') _baton_words '${model.commands.map(({ path }) => path[0]).join(' ')} help' ;;
${all.map(placeCase).join('\n')}
    esac
  fi
}
complete -F _baton baton
`;
}

function longs(model: Model, place: Pick<CommandWords, 'options'>): string {
  return optionsAt(model, place)
    .map(({ long }) => long)
    .join(' ');
}

function placeCase({ path, commands, args }: CommandWords): string {
  const name = `'${path.join(' ')}'`;
  if (commands.length > 0) {
    return `      ${name}) _baton_words '${commands.map((each) => each.path.at(-1)).join(' ')}' ;;`;
  }
  if (args.length === 0) return `      ${name}) ;;`;
  const cases = args.map((argument, index) => `${argument.isRepeated ? '*' : index}) ${act(argument)} ;;`);
  return `      ${name}) case $count in ${cases.join(' ')} esac ;;`;
}

function act({ choices, completion }: Pick<OptionWords | ArgumentWords, 'choices' | 'completion'>): string {
  if (choices.length > 0) return `_baton_words '${choices.join(' ')}'`;
  if (completion === 'files') return '_baton_files';
  return completion === null ? ':' : `_baton_ask ${completion}`;
}
