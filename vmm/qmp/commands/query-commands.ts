import { defineCommand } from '../command.js';

/**
 * The commands that are there. Takes the list itself, so that nothing is promised that dispatch lacks.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-commands" }
 *     <- { "return": [ { "name": "stop" }, { "name": "cont" } ] }
 */
export function queryCommandsOf(names: () => readonly string[]): ReturnType<typeof defineCommand> {
  return defineCommand({
    name: 'query-commands',
    args: {},
    returns: { array: { struct: { name: { type: 'str' } } } },
    run: () => names().map((name) => ({ name })),
  });
}
