import { CHANNEL_LIST, readChannels } from '../../migration/channels.js';
import { defineCommand } from '../command.js';

/**
 * Starts the migration that parameter `mode` says. Answers when it is under way; then event MIGRATION and
 * `query-migrate` tell.
 *
 * Arguments: exactly one of `channels` (for cpr-transfer one `main` and one `cpr`) and `uri` (unix:PATH,
 * tcp:HOST:PORT, file:PATH[,offset=N], fd:N, exec:COMMAND). In mode cpr-transfer a `cpr` channel alone hands over the descriptors
 * and then waits, status `setup-cpr`, with the guest running; `resume` with the `main` channel does the rest.
 * Errors: a migration is under way, came in or was done already; the VM cannot be handed over (the first of
 * `blocked-reasons`); the target's cpr socket cannot be reached (the status is `failed` then).
 * Since: 0.1
 *
 *     -> { "execute": "migrate", "arguments": { "channels": [
 *          { "channel-type": "main", "addr": { "transport": "socket", "type": "unix", "path": "/run/main.sock" } },
 *          { "channel-type": "cpr", "addr": { "transport": "socket", "type": "unix", "path": "/run/cpr.sock" } } ] } }
 *     <- { "return": {} }
 */
export const migrate = defineCommand({
  name: 'migrate',
  args: {
    uri: { type: 'str', optional: true },
    channels: { type: CHANNEL_LIST, optional: true },
    resume: { type: 'bool', optional: true },
  },
  run: ({ migration, descriptors }, { uri, channels, resume }) =>
    resume
      ? migration.resume(readChannels(uri, channels, descriptors.names))
      : migration.start(readChannels(uri, channels, descriptors.names)),
});
