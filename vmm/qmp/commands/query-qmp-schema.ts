import { type Command, defineCommand } from '../command.js';
import { describeInterface } from '../introspection.js';

/**
 * The interface as data: commands, events and their types.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-qmp-schema" }
 *     <- { "return": [ { "name": "stop", "meta-type": "command", "arg-type": "0", … }, … ] }
 */
export const queryQmpSchemaOf = (commands: () => Iterable<Command>) =>
  defineCommand({
    name: 'query-qmp-schema',
    args: {},
    run: () => describeInterface(commands()),
  });
