/**
 * The CPR state: a list of named descriptors.
 *
 *     u32 magic 'QCPR'  u32 version 1
 *     { u8 1  u32 name length with NUL  name NUL  i32 id  descriptor }…  u8 0
 *     optionally subsection 'CprState/vfio devices' with an empty list
 *
 * A descriptor is u8 0 in the CPR channel, and travels beside that byte as SCM_RIGHTS; in the state that a program
 * leaves for the one which takes its place, it is i32, its number.
 */
import type { CarriedDescriptor } from '../carried.js';
import { SUBSECTION, WireReader, WireWriter } from '../state/wire.js';

export const CPR_MAGIC = 0x51435052;
const CPR_VERSION = 1;
const VFIO_DEVICES = 'CprState/vfio devices';
/** More than a machine can have; a list is refused before it grows beyond. */
export const MAX_CPR_ENTRIES = 128;
const MAX_NAME_BYTES = 256;
/** Of a whole state, by far. */
export const MAX_CPR_STATE_BYTES = 256 * 1024;

export type CprEntry = Omit<CarriedDescriptor, 'fd'>;

/** For the channel, in pieces: every piece but the last ends with the byte that carries a descriptor. */
export function encodeCprState(entries: readonly CprEntry[]): Uint8Array[] {
  requireFew(entries);
  const pieces: Uint8Array[] = [];
  let writer = new WireWriter();
  writeHeader(writer);
  for (const entry of entries) {
    writeEntry(writer, entry);
    writer.u8(0);
    pieces.push(writer.finish());
    writer = new WireWriter();
  }
  writer.u8(0);
  pieces.push(writer.finish());
  return pieces;
}

/** For the next program in this process. */
export function encodeExecState(descriptors: readonly CarriedDescriptor[]): Uint8Array {
  requireFew(descriptors);
  const writer = new WireWriter();
  writeHeader(writer);
  for (const descriptor of descriptors) {
    writeEntry(writer, descriptor);
    writer.u32(descriptor.fd);
  }
  writer.u8(0);
  return writer.finish();
}

/** What the next program would refuse is refused here, with the guest still running. */
function requireFew(entries: readonly CprEntry[]): void {
  if (entries.length <= MAX_CPR_ENTRIES) return;
  throw new Error(`expected at most ${MAX_CPR_ENTRIES} descriptors to hand over, got ${entries.length}`);
}

function writeHeader(writer: WireWriter): void {
  writer.u32(CPR_MAGIC);
  writer.u32(CPR_VERSION);
}

function writeEntry(writer: WireWriter, { name, id }: CprEntry): void {
  const bytes = Buffer.from(`${name}\0`);
  if (bytes.length > MAX_NAME_BYTES) {
    throw new Error(`expected descriptor names below ${MAX_NAME_BYTES} bytes, got '${name}'`);
  }
  writer.u8(1);
  writer.u32(bytes.length);
  writer.bytes(bytes);
  writer.u32(id);
}

/** What came through the channel. Throws `StreamError`. */
export function decodeCprState(bytes: Uint8Array): CprEntry[] {
  return decode(bytes, (reader, entry) => {
    reader.u8();
    return entry;
  });
}

/** What the program before this one left. Throws `StreamError`. */
export function decodeExecState(bytes: Uint8Array): CarriedDescriptor[] {
  return decode(bytes, (reader, entry) => {
    const at = reader.offset;
    const fd = reader.i32();
    if (fd < 0) throw reader.error(`expected a descriptor, got ${fd}`, at);
    return { ...entry, fd };
  });
}

function decode<T>(bytes: Uint8Array, finish: (reader: WireReader, entry: CprEntry) => T): T[] {
  const reader = new WireReader(bytes, 'cpr header');
  const magic = reader.u32();
  if (magic !== CPR_MAGIC) {
    throw reader.error(`this is no CPR stream: expected magic 0x51435052, got 0x${magic.toString(16)}`, 0);
  }
  const version = reader.u32();
  if (version !== CPR_VERSION) throw reader.error(`expected version ${CPR_VERSION}, got ${version}`, 4);
  reader.section = 'cpr descriptors';
  const entries: T[] = [];
  while (readMore(reader)) {
    if (entries.length === MAX_CPR_ENTRIES) throw reader.error(`expected at most ${MAX_CPR_ENTRIES} entries`);
    const entry = readEntry(reader);
    reader.field = 'fd';
    entries.push(finish(reader, entry));
    reader.field = null;
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
  return { name: text.slice(0, -1), id };
}

/** QEMU 11 always sends this; this machine has no such devices. */
function readVfioDevices(reader: WireReader): void {
  const at = reader.offset;
  const name = reader.u8() === SUBSECTION ? reader.name() : '';
  if (name !== VFIO_DEVICES) throw reader.error('expected the end, or an empty list of VFIO devices', at);
  reader.section = VFIO_DEVICES;
  reader.u32();
  // QEMU's state for the next program ends here, without the mark of the list's end.
  if (reader.remaining > 0 && readMore(reader)) throw reader.error('this machine has no VFIO devices', at);
}
