import { balloonSlot } from '../balloon.js';
import { defineCommand } from '../command.js';
import { QmpError } from '../error.js';

/**
 * Asks the guest to give memory back, or to take it again, until it has `value` bytes. How much it has then and when is
 * the guest's decision: `BALLOON_CHANGE` and `query-balloon` tell.
 *
 * Errors: `DeviceNotActive` without a balloon.
 * Since: 0.1
 *
 *     -> { "execute": "balloon", "arguments": { "value": 536870912 } }
 *     <- { "return": {} }
 */
export const balloon = defineCommand({
  name: 'balloon',
  args: { value: { type: 'int' } },
  async run({ options, vm }, { value: bytes }) {
    const slot = balloonSlot(options);
    if (bytes <= 0) throw new QmpError("Parameter 'value' expects a size");
    await vm.askDevice(slot, { ask: 'set-balloon', bytes });
  },
});
