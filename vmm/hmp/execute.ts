/**
 * One line of the human monitor: finds the command, does it, and gives what it prints, which is also where every
 * error goes. Never rejects. Lines end in CRLF, as a terminal wants them.
 */
import type { MonitorContext } from '../qmp/command.js';
import { HmpUsageError, readArguments } from './arguments.js';
import type { HmpCommand, HmpValues } from './command.js';
import { COMMANDS, INFOS } from './commands/index.js';

/** Done here: they look at the lists. */
const help: Omit<HmpCommand, 'run'> = {
  names: ['help', '?'],
  parameters: '[cmd]',
  help: 'show the help',
  args: [{ kind: 'rest', name: 'command', optional: true }],
};
const info: Omit<HmpCommand, 'run'> = {
  names: ['info'],
  parameters: '[subcommand]',
  help: 'show various information about the system state',
  args: [],
};

type Listed = Omit<HmpCommand, 'run'> & { readonly run?: HmpCommand['run'] };
const ALL: readonly Listed[] = [...COMMANDS, help, info];

interface Found {
  /** As it was reached, such as `info status`. */
  readonly name: string;
  readonly command: Listed;
  readonly rest: string;
}

export async function executeLine(context: MonitorContext, line: string): Promise<string> {
  let text: string;
  try {
    text = await execute(context, line.trim());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    text = error instanceof HmpUsageError ? `${message}\n` : `Error: ${message}\n`;
  }
  return text.replaceAll('\n', '\r\n');
}

/** What a line that begins so can go on with. */
export function completions(line: string): readonly string[] {
  const before = /^\s*(?:info|help|\?)\s+/.exec(line)?.[0] ?? '';
  const begun = line.slice(before.length);
  if (/\s/.test(begun)) return [];
  const commands = before.trim() === 'info' ? INFOS : ALL;
  return commands
    .flatMap(({ names }) => names)
    .filter((name) => name.startsWith(begun))
    .sort()
    .map((name) => before + name);
}

async function execute(context: MonitorContext, line: string): Promise<string> {
  if (line === '') return '';
  const { name, command, rest } = find(line);
  const values = readArguments(name, command, rest);
  if (command === help) return showHelp(values);
  return command.run?.(context, values) ?? helpLines(INFOS, 'info ');
}

function showHelp(values: HmpValues): string {
  const asked = values.text('command');
  if (asked === '') return helpLines(ALL, '');
  const { name, command } = find(asked);
  if (command === info) return helpLines(INFOS, 'info ');
  return helpLine(command, name.startsWith('info ') ? 'info ' : '');
}

/** `prefix` is `info ` for what is below it. */
function helpLine({ names, parameters, help: text }: Listed, prefix: string): string {
  return `${prefix}${names.join('|')} ${parameters} -- ${text}\n`;
}

function helpLines(commands: readonly Listed[], prefix: string): string {
  return commands
    .map((command) => helpLine(command, prefix))
    .sort()
    .join('');
}

function find(line: string): Found {
  const [name, rest] = firstWord(line);
  const command = ALL.find(({ names }) => names.includes(name));
  if (command === undefined) throw new HmpUsageError(`unknown command: '${name}'`);
  if (command !== info || rest === '') return { name, command, rest };
  const [subcommand, after] = firstWord(rest);
  const found = INFOS.find(({ names }) => names.includes(subcommand));
  if (found === undefined) throw new HmpUsageError(`unknown command: 'info ${subcommand}'`);
  return { name: `info ${subcommand}`, command: found, rest: after };
}

function firstWord(text: string): [string, string] {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  return [word, rest];
}
