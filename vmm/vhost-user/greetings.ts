/** The first words with a vhost-user backend: what it offers, and the guest's RAM for it. */
import type { BackendFacts } from '../devices/vhost-user/backend.js';
import type { GuestRam } from './backend.js';
import type { VhostUserConnection } from './connection.js';
import {
  FEATURE_PROTOCOL_FEATURES,
  joinBytes,
  PROTOCOL_FEATURE_CONFIG,
  PROTOCOL_FEATURE_MQ,
  VhostUserError,
  wordOf,
  words32,
  words64,
} from './messages.js';

const CONFIG_BYTES = 60;
const NOTHING = new Uint8Array(0);

/** A disk, whose configuration the backend knows. Rejects with what the backend lacks. */
export async function greetBlock(
  connection: VhostUserConnection,
  ram: GuestRam,
  queues: number,
): Promise<BackendFacts> {
  const features = await connection.ask('getFeatures', NOTHING);
  if (!hasProtocolFeatures(features)) {
    throw new VhostUserError('the backend has no protocol features, and so no configuration of the disk');
  }
  const protocol = wordOf(await connection.ask('getProtocolFeatures', NOTHING), 0);
  if (((protocol >>> PROTOCOL_FEATURE_CONFIG) & 1) === 0) {
    throw new VhostUserError('the backend does not tell the configuration of the disk');
  }
  const wanted = protocol & ((1 << PROTOCOL_FEATURE_CONFIG) | (1 << PROTOCOL_FEATURE_MQ));
  connection.send('setProtocolFeatures', words32(wanted, 0));
  const hasMany = (wanted & (1 << PROTOCOL_FEATURE_MQ)) !== 0;
  const offered = hasMany ? wordOf(await connection.ask('getQueueNum', NOTHING), 0) : 1;
  if (queues > offered) {
    throw new VhostUserError(`The maximum number of queues supported by the backend is ${offered}`);
  }
  take(connection, ram);
  const question = joinBytes(words32(0, CONFIG_BYTES, 0), new Uint8Array(CONFIG_BYTES));
  const config = (await connection.ask('getConfig', question)).slice(12);
  if (config.length !== CONFIG_BYTES) {
    throw new VhostUserError(`expected ${CONFIG_BYTES} bytes of configuration, got ${config.length}`);
  }
  return { features: [wordOf(features, 0), wordOf(features, 4)], config };
}

/** A network: one pair of queues, whose configuration is the device's own. Rejects with what the backend lacks. */
export async function greetNet(connection: VhostUserConnection, ram: GuestRam): Promise<BackendFacts> {
  const features = await connection.ask('getFeatures', NOTHING);
  if (!hasProtocolFeatures(features)) {
    throw new VhostUserError('the backend has no protocol features, and so cannot stop a ring');
  }
  await connection.ask('getProtocolFeatures', NOTHING);
  connection.send('setProtocolFeatures', words32(0, 0));
  take(connection, ram);
  return { features: [wordOf(features, 0), wordOf(features, 4)], config: NOTHING };
}

function hasProtocolFeatures(features: Uint8Array): boolean {
  return ((wordOf(features, 0) >>> FEATURE_PROTOCOL_FEATURES) & 1) !== 0;
}

function take(connection: VhostUserConnection, ram: GuestRam): void {
  connection.send('setOwner', NOTHING);
  const region = words64(ram.baseAddress, ram.sizeBytes, ram.baseAddress, 0);
  connection.send('setMemTable', joinBytes(words32(1, 0), region), [ram.fd]);
}
