/** Declares a subcommand of `info` without arguments. */
import type { MonitorContext } from '../../qmp/command.js';
import type { HmpCommand } from '../command.js';

export function info(
  name: string,
  help: string,
  show: (context: MonitorContext) => string | Promise<string>,
): HmpCommand {
  return { names: [name], parameters: '', help, args: [], run: show };
}
