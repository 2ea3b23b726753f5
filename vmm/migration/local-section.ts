/**
 * Section 'local-descriptors' of the main channel: what the descriptors are that came beside the stream's first bytes,
 * in their order. Its one field is a CPR state (`cpr-state.ts`), of a length that is told before it.
 */
import type { CarriedDescriptor } from '../carried.js';
import { decodeSections, type EncodedSections, encodeSections } from '../state/codec.js';
import type { StateDescription } from '../state/description.js';
import * as wire from '../state/wire.js';
import { type CprEntry, decodeCprState, encodeCprState, MAX_CPR_STATE_BYTES } from './cpr-state.js';
import { LOCAL_DESCRIPTORS_ID } from './stream-format.js';

interface LocalDescriptors {
  readonly list: Uint8Array;
}

export const LOCAL_DESCRIPTORS: StateDescription<LocalDescriptors> = {
  name: 'local-descriptors',
  version: 1,
  minimumVersion: 1,
  fields: [{ name: 'list', type: 'vbuffer', count: MAX_CPR_STATE_BYTES }],
  reset: { list: new Uint8Array() },
};
const NAME = Buffer.from(LOCAL_DESCRIPTORS.name);
/** After the mark, the section's id and the length of its name. */
const NAME_OFFSET = 1 + 4 + 1;
/** Then its instance and version. */
const HEADER_BYTES = NAME_OFFSET + NAME.length + 4 + 4;
const FOOTER_BYTES = 1 + 4;

export function encodeLocalSection(entries: readonly CprEntry[]): EncodedSections {
  const state = { list: Buffer.concat(encodeCprState(entries)) };
  return encodeSections([{ description: LOCAL_DESCRIPTORS, instanceId: 0, state }], LOCAL_DESCRIPTORS_ID);
}

/**
 * Takes the section, which comes next in `bytes` that `reader` reads, and pairs it with what came. Throws `StreamError`.
 */
export function readLocalSection(
  bytes: Buffer,
  reader: wire.WireReader,
  fds: readonly number[],
): CarriedDescriptor[] {
  const at = reader.offset;
  reader.section = LOCAL_DESCRIPTORS.name;
  reader.bytes(HEADER_BYTES);
  const listBytes = reader.u32();
  if (listBytes > MAX_CPR_STATE_BYTES) {
    throw reader.error(`expected at most ${MAX_CPR_STATE_BYTES} bytes, got ${listBytes}`, at + HEADER_BYTES);
  }
  reader.bytes(listBytes + FOOTER_BYTES);
  const entries = decode(bytes.subarray(at, reader.offset), reader, at);
  if (entries.length === fds.length) {
    return entries.map((entry, index) => ({ ...entry, fd: fds[index] as number }));
  }
  throw reader.error(`it lists ${entries.length} descriptors, ${fds.length} came with the stream`, at);
}

/** Whether it begins at `at`. */
export function isLocalSection(bytes: Buffer, at: number): boolean {
  const nameAt = at + NAME_OFFSET;
  return bytes[at] === wire.SECTION_FULL && bytes.subarray(nameAt, nameAt + NAME.length).equals(NAME);
}

function decode(bytes: Uint8Array, reader: wire.WireReader, at: number): CprEntry[] {
  const states = decodeSections(bytes, [{ description: LOCAL_DESCRIPTORS, instanceId: 0 }]);
  try {
    return decodeCprState((states.get(LOCAL_DESCRIPTORS.name) as LocalDescriptors).list);
  } catch (cause) {
    throw reader.error((cause as Error).message, at);
  }
}
