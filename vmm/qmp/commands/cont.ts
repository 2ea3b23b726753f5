import { defineCommand } from '../command.js';

/**
 * Sets the VM running; event RESUME when it was not. While a migration comes in: when it has come. On a
 * source in `postmigrate` the VM runs here again: only right when the target does not run it.
 *
 * Errors: in `shutdown` the VM needs a reset first; in `finish-migrate` its state is on the way.
 * Since: 0.1
 *
 *     -> { "execute": "cont" }
 *     <- { "return": {} }
 */
export const cont = defineCommand({
  name: 'cont',
  args: {},
  run: ({ vm }) => vm.cont(),
});
