import { OPTION_GROUPS } from '../../options/option-groups.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * The options that take properties, and which: all, or one.
 *
 * Errors: `GenericError` for an option that is not there.
 * Since: 0.1
 *
 *     -> { "execute": "query-command-line-options", "arguments": { "option": "mon" } }
 *     <- { "return": [ { "option": "mon", "parameters": [ { "name": "mode", "type": "string" }, … ] } ] }
 */
export const queryCommandLineOptions = defineCommand({
  name: 'query-command-line-options',
  args: { option: { type: 'str', optional: true } },
  returns: {
    array: {
      struct: {
        option: { type: 'str' },
        parameters: {
          type: {
            array: {
              struct: {
                name: { type: 'str' },
                type: { type: { enum: ['string', 'boolean', 'number', 'size'] } },
                help: { type: 'str', optional: true },
                default: { type: 'str', optional: true },
              },
            },
          },
        },
      },
    },
  },
  run(_, { option }) {
    const found = OPTION_GROUPS.filter((group) => option === undefined || group.option === option);
    if (found.length === 0) throw new QmpError(`invalid option name: ${option}`);
    return found;
  },
});
