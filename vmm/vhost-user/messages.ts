/**
 * Messages of the vhost-user protocol (QEMU's documentation, "Vhost-user Protocol"): a header of three 32-bit words
 * (request, flags, size of what follows), then what follows. All little-endian here. Pure.
 */
const HEADER_BYTES = 12;
const VERSION = 1;
const VERSION_MASK = 3;
const REPLY = 4;
/** No answer that is waited for is larger. */
export const MAX_PAYLOAD_BYTES = 4096;

export const REQUESTS = {
  getFeatures: 1,
  setFeatures: 2,
  setOwner: 3,
  setMemTable: 5,
  setVringNum: 8,
  setVringAddr: 9,
  setVringBase: 10,
  getVringBase: 11,
  setVringKick: 12,
  setVringCall: 13,
  getProtocolFeatures: 15,
  setProtocolFeatures: 16,
  getQueueNum: 17,
  setVringEnable: 18,
  getConfig: 24,
  setConfig: 25,
} as const;
export type RequestName = keyof typeof REQUESTS;

/** A bit among the features: the protocol has features of its own. */
export const FEATURE_PROTOCOL_FEATURES = 30;
export const PROTOCOL_FEATURE_MQ = 0;
export const PROTOCOL_FEATURE_CONFIG = 9;

/** What the other side has sent is no such message. */
export class VhostUserError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'VhostUserError';
  }
}

export function encodeMessage(name: RequestName, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REQUESTS[name], true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export interface Reply {
  readonly request: number;
  readonly payload: Uint8Array;
  /** Of the whole message. */
  readonly sizeBytes: number;
}

/** The first answer in what has come; null: it is not all there. Throws `VhostUserError`. */
export function decodeReply(bytes: Uint8Array): Reply | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [request, flags, size] = [0, 4, 8].map((at) => view.getUint32(at, true)) as [number, number, number];
  if ((flags & VERSION_MASK) !== VERSION || (flags & REPLY) === 0) {
    throw new VhostUserError(`expected an answer of version ${VERSION}, got flags ${flags}`);
  }
  if (size > MAX_PAYLOAD_BYTES) {
    throw new VhostUserError(`expected an answer of at most ${MAX_PAYLOAD_BYTES} bytes, got ${size}`);
  }
  const sizeBytes = HEADER_BYTES + size;
  if (bytes.length < sizeBytes) return null;
  return { request, payload: bytes.slice(HEADER_BYTES, sizeBytes), sizeBytes };
}

/** 64-bit words; numbers must be exact. */
export function words64(...values: readonly (number | bigint)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  for (const [index, value] of values.entries()) view.setBigUint64(8 * index, BigInt(value), true);
  return new Uint8Array(view.buffer);
}

export function words32(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value, true);
  return new Uint8Array(view.buffer);
}

export function joinBytes(...pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A 32-bit word of an answer. Throws `VhostUserError`. */
export function wordOf(payload: Uint8Array, offset: number): number {
  if (payload.length < offset + 4) {
    throw new VhostUserError(`an answer is too short: ${payload.length} bytes`);
  }
  return new DataView(payload.buffer, payload.byteOffset).getUint32(offset, true);
}
