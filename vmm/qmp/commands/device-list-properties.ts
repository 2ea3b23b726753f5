import { defineCommand } from '../command.js';
import { deviceProperties } from '../object-types.js';
import { PROPERTY_LIST } from './qom-list-properties.js';

/**
 * The properties that can be given for a device.
 *
 * Errors: `DeviceNotFound` for a type that is not there, `GenericError` for one that is no device.
 * Since: 0.1
 *
 *     -> { "execute": "device-list-properties", "arguments": { "typename": "goldfish_rtc" } }
 *     <- { "return": [] }
 */
export const deviceListProperties = defineCommand({
  name: 'device-list-properties',
  args: { typename: { type: 'str' } },
  returns: PROPERTY_LIST,
  run: (_, { typename }) => deviceProperties(typename),
});
