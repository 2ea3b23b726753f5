import { type Command, defineCommand } from '../command.js';
import { EVENTS } from '../event-descriptions.js';
import { introspect } from '../introspection.js';

/**
 * Commands, events and their types, as QAPI introspection has them: what is not in the answer is not there.
 * Takes the list itself, so that nothing is promised that dispatch lacks.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-qmp-schema" }
 *     <- { "return": [ { "name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0" }, … ] }
 */
export function queryQmpSchemaOf(commands: () => Iterable<Command>): Command {
  return defineCommand({
    name: 'query-qmp-schema',
    args: {},
    returns: { array: 'any' },
    run: () => introspect(commands(), EVENTS),
  });
}
