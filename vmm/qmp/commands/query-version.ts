import { VERSION_INFO } from '../../version.js';
import { defineCommand } from '../command.js';

/**
 * The level of QEMU's interface that is offered, and in `package` who offers it. Clients ask
 * `query-commands` what there is; this is for people.
 *
 * Since: 0.1
 *
 *     -> { "execute": "query-version" }
 *     <- { "return": { "qemu": { "major": 11, "minor": 1, "micro": 0 }, "package": "baton-vmm 0.1.0" } }
 */
export const queryVersion = defineCommand({
  name: 'query-version',
  args: {},
  returns: {
    struct: {
      qemu: { type: { struct: { major: { type: 'int' }, minor: { type: 'int' }, micro: { type: 'int' } } } },
      package: { type: 'str' },
    },
  },
  run: () => VERSION_INFO,
});
