/** The manual page `baton(1)`, in roff. */
import { type CommandWords, leaves, type Model, type OptionWords } from './describe.js';
import { DESCRIPTION, ENVIRONMENT, EXITS, FINDING } from './sections.js';

export function manual(model: Model): string {
  const { version, summary, options } = model;
  return `${[
    `.\\" Written by the build of baton ${version}.`,
    `.TH BATON 1 "" "baton ${text(version)}" "Baton"`,
    '.SH NAME',
    `baton \\- ${text(summary)}`,
    '.SH SYNOPSIS',
    '.B baton',
    '[\\fIoption\\fR ...] \\fIcommand\\fR [\\fIargument\\fR ...]',
    '.SH DESCRIPTION',
    ...paragraphs(DESCRIPTION),
    '.SH OPTIONS',
    ...options.flatMap(optionLines),
    '.SH COMMANDS',
    ...leaves(model).flatMap(commandLines),
    '.SH FINDING THE DAEMON',
    ...paragraphs(FINDING),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, means]) => tagged(`.B ${text(name)}`, means)),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([code, means]) => tagged(`.B ${text(code)}`, means)),
    '.SH FILES',
    ...tagged('.I /run/baton/batond.sock', 'Where the daemon of this host listens.'),
    '.SH SEE ALSO',
    '.BR systemctl (1),',
    '.BR qemu (1)',
  ].join('\n')}\n`;
}

function commandLines({ usage, description, args, options, examples }: CommandWords): string[] {
  return [
    `.SS "${text(usage.replace(/ \[options\]/, options.length === 0 ? '' : ' [options]'))}"`,
    text(description),
    ...args.flatMap(({ shape, description: means }) => tagged(`.I ${text(shape)}`, means)),
    ...options.flatMap(optionLines),
    ...(examples.length === 0 ? [] : ['.PP', 'Examples:']),
    ...examples.flatMap(({ line, does }) => [
      '.RS 4',
      '.PP',
      `\\fB${text(line)}\\fR`,
      '.br',
      text(sentence(capital(does))),
      '.RE',
    ]),
  ];
}

function optionLines({ flags, description, choices }: OptionWords): string[] {
  const among =
    choices.length === 0 || choices.every((choice) => description.includes(choice))
      ? ''
      : ` (${choices.join(', ')})`;
  return tagged(`.B ${text(flags)}`, description + among);
}

function tagged(tag: string, means: string): string[] {
  return ['.TP', tag, text(sentence(means))];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((each, index) => (index === 0 ? [text(each)] : ['.PP', text(each)]));
}

function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A line that begins with a dot or an apostrophe would be a request; dashes shall be what is typed. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('"', '\\(dq')
    .replace(/^([.'])/, '\\&$1')
    .replaceAll("'", '\\(aq')
    .replaceAll(/[^\0-\x7f]/gu, (character) => `\\[u${codeOf(character)}]`);
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
