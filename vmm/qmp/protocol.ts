/**
 * QMP on the wire: the shapes both ends use, and parsing of single messages. Types and pure functions
 * only, no I/O and no imports, so that a client can use it alone.
 *
 *     server ► {"QMP": {"version": {…}, "capabilities": []}}          once, at connect
 *     client ► {"execute": "qmp_capabilities"}                        before anything else
 *     client ► {"execute": NAME, "arguments": {…}, "id": ANY}
 *     server ► {"return": ANY, "id": ANY}  or  {"error": {"class": …, "desc": …}, "id": ANY}
 *     server ► {"event": NAME, "data": {…}, "timestamp": {…}}         at any time after negotiation
 *
 * Messages end in CRLF and are ASCII; clients may send any white space between theirs.
 */

/** Error classes; all but `GenericError` exist so that a client can act on them. */
export const QMP_ERROR_CLASSES = [
  'GenericError',
  'CommandNotFound',
  'DeviceNotActive',
  'DeviceNotFound',
  'KVMMissingCap',
] as const;
export type QmpErrorClass = (typeof QMP_ERROR_CLASSES)[number];

export interface QmpErrorBody {
  readonly class: QmpErrorClass;
  /** For people: not to be parsed. */
  readonly desc: string;
}

export interface VersionInfo {
  /** The level of QEMU's interface that is offered. */
  readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
  /** Who offers it, and that program's own version. */
  readonly package: string;
}

export interface QmpGreeting {
  readonly QMP: { readonly version: VersionInfo; readonly capabilities: readonly string[] };
}

export interface QmpRequest {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly id?: unknown;
}

export interface QmpTimestamp {
  readonly seconds: number;
  readonly microseconds: number;
}

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Realtime of the host at which the thing happened. */
  readonly timestamp: QmpTimestamp;
}

export type QmpReply =
  | { readonly return: unknown; readonly id?: unknown }
  | { readonly error: QmpErrorBody; readonly id?: unknown };

export type QmpServerMessage = QmpGreeting | QmpReply | QmpEvent;

export const MIGRATION_STATUSES = [
  'none',
  'setup',
  /** Ours: the target has the descriptors, and `migrate` with `resume` starts the hand-over. */
  'setup-cpr',
  'cancelling',
  'cancelled',
  'active',
  'pre-switchover',
  'device',
  'wait-unplug',
  'postcopy-active',
  'postcopy-device',
  'postcopy-paused',
  'postcopy-recover-setup',
  'postcopy-recover',
  'colo',
  'completed',
  'failing',
  'failed',
] as const;
export type MigrationStatus = (typeof MIGRATION_STATUSES)[number];

export const MIGRATION_MODES = ['normal', 'cpr-reboot', 'cpr-transfer', 'cpr-exec'] as const;
export type MigrationMode = (typeof MIGRATION_MODES)[number];

/** Data of the events that carry some. */
export interface QmpEventData {
  readonly MIGRATION: { readonly status: MigrationStatus };
  readonly MIGRATION_PASS: { readonly pass: number };
  readonly SHUTDOWN: { readonly guest: boolean; readonly reason: string };
  readonly BLOCK_IO_ERROR: {
    readonly 'qom-path': string;
    readonly device: string;
    readonly 'node-name': string;
    readonly operation: 'read' | 'write';
    readonly action: 'ignore' | 'report' | 'stop';
    readonly nospace?: boolean;
    readonly reason: string;
  };
  readonly RESET: { readonly guest: boolean; readonly reason: string };
  readonly BALLOON_CHANGE: { readonly actual: number };
  readonly VSERPORT_CHANGE: { readonly id: string; readonly open: boolean };
  readonly DEVICE_DELETED: { readonly device?: string; readonly path: string };
  readonly NIC_RX_FILTER_CHANGED: { readonly name?: string; readonly path: string };
  readonly NETDEV_STREAM_CONNECTED: {
    readonly 'netdev-id': string;
    readonly addr:
      | { readonly type: 'unix'; readonly path: string }
      | { readonly type: 'fd'; readonly str: string };
  };
  readonly NETDEV_STREAM_DISCONNECTED: { readonly 'netdev-id': string };
}

export interface StatusInfo {
  readonly running: boolean;
  readonly status: string;
}

/** Bytes, and pages: `duplicate` are those of one byte, `normal` the others. */
export interface MigrationRamInfo {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  readonly duplicate: number;
  readonly normal: number;
  readonly 'normal-bytes': number;
  readonly 'page-size': number;
}

/** `query-migrate`: everything is absent before the first migration. Times in milliseconds. */
export interface MigrationInfo {
  readonly status?: MigrationStatus;
  readonly 'total-time'?: number;
  readonly 'setup-time'?: number;
  readonly downtime?: number;
  readonly ram?: MigrationRamInfo;
  readonly 'error-desc'?: string;
  readonly 'blocked-reasons'?: readonly string[];
  readonly 'socket-address'?: readonly SocketAddress[];
}

export type SocketAddress =
  | { readonly type: 'unix'; readonly path: string }
  | { readonly type: 'inet'; readonly host: string; readonly port: string };

export type MigrationAddress =
  | { readonly transport: 'socket'; readonly type: 'unix'; readonly path: string }
  | { readonly transport: 'socket'; readonly type: 'inet'; readonly host: string; readonly port: string }
  | { readonly transport: 'socket'; readonly type: 'fd'; readonly str: string }
  | { readonly transport: 'exec'; readonly args: readonly string[] }
  | { readonly transport: 'file'; readonly filename: string; readonly offset: number };

export interface MigrationChannel {
  readonly 'channel-type': 'main' | 'cpr';
  readonly addr: MigrationAddress;
}

/** A message that is no QMP. `class` and `message` are what a server answers it with. */
export class QmpProtocolError extends Error {
  readonly class: QmpErrorClass = 'GenericError';

  constructor(message: string) {
    super(message);
    this.name = 'QmpProtocolError';
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Microseconds since 1970 of an event's timestamp. */
export function timestampMicros({ seconds, microseconds }: QmpTimestamp): number {
  return seconds * 1_000_000 + microseconds;
}

/** Checks a request that a client sent. Throws `QmpProtocolError` with QEMU's wording. */
export function parseRequest(value: unknown): QmpRequest {
  if (!isRecord(value)) throw new QmpProtocolError('QMP input must be a JSON object');
  for (const key of Object.keys(value)) {
    if (key !== 'execute' && key !== 'arguments' && key !== 'id') {
      throw new QmpProtocolError(`QMP input member '${key}' is unexpected`);
    }
  }
  const { execute, arguments: given, id } = value;
  if (execute === undefined) throw new QmpProtocolError("QMP input lacks member 'execute'");
  if (typeof execute !== 'string') throw new QmpProtocolError("QMP input member 'execute' must be a string");
  if (given !== undefined && !isRecord(given)) {
    throw new QmpProtocolError("QMP input member 'arguments' must be an object");
  }
  return {
    execute,
    ...(given === undefined ? {} : { arguments: given }),
    ...(id === undefined ? {} : { id }),
  };
}

/** Reads one message of a server, as a client gets it. Throws `QmpProtocolError`. */
export function parseServerMessage(text: string): QmpServerMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new QmpProtocolError(`expected a QMP message, got no JSON: ${(cause as Error).message}`);
  }
  if (isRecord(value)) {
    if (isGreeting(value) || isEvent(value) || isReply(value)) return value;
  }
  throw new QmpProtocolError(`expected a QMP greeting, reply or event, got ${text.slice(0, 200)}`);
}

export function isGreeting(message: object): message is QmpGreeting {
  const greeting = (message as Partial<QmpGreeting>).QMP;
  return isRecord(greeting) && isVersion(greeting.version) && Array.isArray(greeting.capabilities);
}

export function isEvent(message: object): message is QmpEvent {
  const { event, timestamp } = message as Partial<QmpEvent>;
  return (
    typeof event === 'string' &&
    isRecord(timestamp) &&
    typeof timestamp.seconds === 'number' &&
    typeof timestamp.microseconds === 'number'
  );
}

export function isReply(message: object): message is QmpReply {
  if ('return' in message) return true;
  const { error } = message as { error?: unknown };
  return isRecord(error) && typeof error.class === 'string' && typeof error.desc === 'string';
}

function isVersion(value: unknown): value is VersionInfo {
  if (!isRecord(value) || typeof value.package !== 'string' || !isRecord(value.qemu)) return false;
  const { major, minor, micro } = value.qemu;
  return [major, minor, micro].every((number) => typeof number === 'number');
}
