import { CHANNEL_LIST, readChannels } from '../../migration/channels.js';
import { defineCommand } from '../command.js';

/**
 * Target started with `-incoming defer`: listens for the source, which then sends the VM.
 *
 * Arguments: exactly one of `uri` and `channels` (only `main`); `exit-on-error` (default true): whether a
 * VM that cannot be loaded ends the process.
 * Errors: not an incoming process, already started, cannot listen.
 * Since: 0.1
 *
 *     -> { "execute": "migrate-incoming", "arguments": { "uri": "unix:/run/main.sock" } }
 *     <- { "return": {} }
 */
export const migrateIncoming = defineCommand({
  name: 'migrate-incoming',
  args: {
    uri: { type: 'str', optional: true },
    channels: { type: CHANNEL_LIST, optional: true },
    'exit-on-error': { type: 'bool', optional: true },
  },
  run: ({ migration, descriptors }, { uri, channels, 'exit-on-error': exitOnError }) => {
    migration.requireDeferred();
    return migration.startIncoming(readChannels(uri, channels, descriptors.names), exitOnError ?? true);
  },
});
