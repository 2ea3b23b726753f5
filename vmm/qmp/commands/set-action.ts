import { defineCommand } from '../command.js';

/**
 * What the VMM does when the guest reboots or powers off; what is not named stays as it is. `panic` and `watchdog` are
 * accepted: there is no device through which a guest could tell either.
 *
 * Since: 0.1
 *
 *     -> { "execute": "set-action", "arguments": { "reboot": "shutdown", "shutdown": "pause" } }
 *     <- { "return": {} }
 */
export const setAction = defineCommand({
  name: 'set-action',
  args: {
    reboot: { type: { enum: ['reset', 'shutdown'] }, optional: true },
    shutdown: { type: { enum: ['poweroff', 'pause'] }, optional: true },
    panic: { type: { enum: ['pause', 'shutdown', 'exit-failure', 'none'] }, optional: true },
    watchdog: {
      type: { enum: ['reset', 'shutdown', 'poweroff', 'pause', 'debug', 'none', 'inject-nmi'] },
      optional: true,
    },
  },
  run: ({ vm }, { reboot, shutdown }) =>
    vm.setPolicy({
      ...(reboot && { noReboot: reboot === 'shutdown' }),
      ...(shutdown && { noShutdown: shutdown === 'pause' }),
    }),
});
