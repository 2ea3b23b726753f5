/** What a monitor command is: its name and arguments as data, and what it does. */
import type { CommandDescriptors } from '../descriptors/monitor-descriptors.js';
import type { HotPlug } from '../hot-plug.js';
import type { Migration } from '../migration/migration.js';
import type { MemoryFacts } from '../migration/outgoing.js';
import type { VmmOptions } from '../options/options.js';
import type { RunState } from '../run-state.js';
import type { VmControl } from '../vm-control.js';
import { QmpError } from './error.js';
import { type ArgumentsOf, type ArgumentType, checkMembers, type Members } from './schema.js';

/** What the commands of all monitors act on. */
export interface SharedContext {
  readonly vm: VmControl;
  readonly migration: Migration;
  /** As they are now: a monitor may have changed them. */
  readonly options: VmmOptions;
  readonly hotPlug: HotPlug;
  readonly memory: MemoryFacts & { readonly backendType: string };
}

/** What one command acts on. */
export interface MonitorContext extends SharedContext {
  readonly descriptors: CommandDescriptors;
}

export interface Command {
  readonly name: string;
  readonly args: Members;
  /** It has other arguments too, and looks at them itself. */
  readonly takesMore?: true;
  /** What it answers; absent: nothing, which is `{}`. */
  readonly returns?: ArgumentType;
  /** Run states in which the command may be given; absent: all. */
  readonly allowedIn?: readonly RunState[];
  /** Arguments were checked against `args`. The result is what `return` shows; nothing means `{}`. */
  run(context: MonitorContext, args: Readonly<Record<string, unknown>>): unknown;
}

/** Declares a command with its arguments typed by their declaration. */
export function defineCommand<const M extends Members>(command: {
  readonly name: string;
  readonly args: M;
  readonly takesMore?: true;
  readonly returns?: ArgumentType;
  readonly allowedIn?: readonly RunState[];
  run(context: MonitorContext, args: ArgumentsOf<M>): unknown;
}): Command {
  return command as unknown as Command;
}

/** Throws `QmpError`. */
export function checkArguments(
  args: Readonly<Record<string, unknown>>,
  { args: members, takesMore }: Command,
): void {
  const known = Object.entries(args).filter(([name]) => !takesMore || Object.hasOwn(members, name));
  checkMembers(Object.fromEntries(known), members);
}

/** Checks arguments and run state, then does it. Throws `QmpError`. */
export async function runCommand(
  command: Command,
  context: MonitorContext,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const { name, allowedIn, run } = command;
  checkArguments(args, command);
  const { runState } = context.vm;
  if (allowedIn?.includes(runState) === false) {
    throw new QmpError(
      `${name} is not possible in run state '${runState}', only in: ${allowedIn.join(', ')}`,
    );
  }
  return (await run(context, args)) ?? {};
}
