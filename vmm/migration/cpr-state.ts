/**
 * The state that goes through the CPR channel: a list of named descriptors.
 *
 *     u32 magic 'QCPR'  u32 version 1
 *     { u8 1  u32 name length with NUL  name NUL  i32 id  u8 0 (carries the descriptor) }…  u8 0
 *     optionally subsection 'CprState/vfio devices' with an empty list
 *
 * The descriptors travel beside the stream as SCM_RIGHTS, in the order of the list.
 */
import { SUBSECTION, WireReader, WireWriter } from '../state/wire.js';

export const CPR_MAGIC = 0x51435052;
const CPR_VERSION = 1;
const VFIO_DEVICES = 'CprState/vfio devices';
/** More than a machine can have; a list is refused before it grows beyond. */
export const MAX_CPR_ENTRIES = 128;
const MAX_NAME_BYTES = 256;

export interface CprEntry {
  readonly name: string;
  readonly id: number;
}

/** The stream cut into pieces: every piece but the last ends with the byte that carries a descriptor. */
export function encodeCprState(entries: readonly CprEntry[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let writer = new WireWriter();
  writer.u32(CPR_MAGIC);
  writer.u32(CPR_VERSION);
  for (const { name, id } of entries) {
    const bytes = Buffer.from(`${name}\0`);
    writer.u8(1);
    writer.u32(bytes.length);
    writer.bytes(bytes);
    writer.u32(id);
    writer.u8(0);
    pieces.push(writer.finish());
    writer = new WireWriter();
  }
  writer.u8(0);
  pieces.push(writer.finish());
  return pieces;
}

/** The whole stream. Throws `StreamError`. */
export function decodeCprState(bytes: Uint8Array): CprEntry[] {
  const reader = new WireReader(bytes, 'cpr header');
  const magic = reader.u32();
  if (magic !== CPR_MAGIC) {
    throw reader.error(`this is no CPR stream: expected magic 0x51435052, got 0x${magic.toString(16)}`, 0);
  }
  const version = reader.u32();
  if (version !== CPR_VERSION) throw reader.error(`expected version ${CPR_VERSION}, got ${version}`, 4);
  reader.section = 'cpr descriptors';
  const entries: CprEntry[] = [];
  while (readMore(reader)) {
    if (entries.length === MAX_CPR_ENTRIES) throw reader.error(`expected at most ${MAX_CPR_ENTRIES} entries`);
    entries.push(readEntry(reader));
  }
  if (reader.remaining > 0) readVfioDevices(reader);
  if (reader.remaining > 0) throw reader.error(`${reader.remaining} bytes are left over`);
  return entries;
}

function readMore(reader: WireReader): boolean {
  const mark = reader.u8();
  if (mark > 1) throw reader.error(`expected 0 or 1 before an entry, got ${mark}`, reader.offset - 1);
  return mark === 1;
}

function readEntry(reader: WireReader): CprEntry {
  reader.field = 'name';
  const at = reader.offset;
  const sizeBytes = reader.u32();
  if (sizeBytes < 2 || sizeBytes > MAX_NAME_BYTES) {
    throw reader.error(`expected a length of 2 to ${MAX_NAME_BYTES}, got ${sizeBytes}`, at);
  }
  const text = Buffer.from(reader.bytes(sizeBytes)).toString('utf8');
  if (text.indexOf('\0') !== text.length - 1) throw reader.error('expected one NUL, at the end', at);
  reader.field = 'id';
  const id = reader.i32();
  reader.field = 'fd';
  reader.u8();
  reader.field = null;
  return { name: text.slice(0, -1), id };
}

/** QEMU 11 always sends this; this machine has no such devices. */
function readVfioDevices(reader: WireReader): void {
  const at = reader.offset;
  const name = reader.u8() === SUBSECTION ? reader.name() : '';
  if (name !== VFIO_DEVICES) throw reader.error('expected the end, or an empty list of VFIO devices', at);
  reader.section = VFIO_DEVICES;
  reader.u32();
  if (readMore(reader)) throw reader.error('this machine has no VFIO devices', at);
}
