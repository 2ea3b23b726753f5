/**
 * Reads the head of a main channel, up to where the pages of RAM would come; its layout is in
 * `stream-format.ts`. Throws `StreamError`; `StreamCutShort` when more bytes could help.
 */
import { StreamCutShort } from '../state/stream-error.js';
import * as wire from '../state/wire.js';
import {
  CAPABILITIES_SUBSECTION,
  COMMAND_OPEN_RETURN_PATH,
  COMMAND_PING,
  IGNORE_SHARED,
  PAGE_BYTES,
  RAM,
  RAM_FLAG_END,
  RAM_FLAG_SIZE,
  STREAM_MAGIC,
  STREAM_VERSION,
  type StreamSubject,
} from './stream-format.js';

/** Several times the head of any machine. */
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_MACHINE_TYPE_BYTES = 255;
/** QEMU has two dozen. */
const MAX_CAPABILITIES = 64;
const MAX_COMMANDS = 16;
const FLAGS = BigInt(PAGE_BYTES - 1);

/** Length of the head in bytes, `null` when it is not all there. `onReturnPath`: the source asks for one. */
export function readHead(bytes: Uint8Array, subject: StreamSubject, onReturnPath: () => void): number | null {
  const reader = new wire.WireReader(bytes, 'header');
  try {
    readStart(reader);
    readConfiguration(reader, subject);
    readCommands(reader, onReturnPath);
    readRamStart(reader, subject);
    reader.section = RAM.name;
    expectMark(reader, wire.SECTION_END);
    expectU32(reader, 'section id', RAM.id);
    return reader.offset;
  } catch (error) {
    if (error instanceof StreamCutShort && bytes.length < MAX_HEAD_BYTES) return null;
    throw error;
  }
}

function readStart(reader: wire.WireReader): void {
  const magic = reader.u32();
  if (magic !== STREAM_MAGIC) {
    throw reader.error(`not a migration stream: expected magic 0x5145564d, got 0x${magic.toString(16)}`, 0);
  }
  const version = reader.u32();
  if (version !== STREAM_VERSION) throw reader.error(`expected version ${STREAM_VERSION}, got ${version}`, 4);
}

function readConfiguration(reader: wire.WireReader, { machineType, ignoreShared }: StreamSubject): void {
  reader.section = 'configuration';
  expectMark(reader, wire.CONFIGURATION);
  const at = reader.offset;
  const sizeBytes = reader.u32();
  if (sizeBytes > MAX_MACHINE_TYPE_BYTES)
    throw reader.error(`expected a machine type of at most 255 bytes, got ${sizeBytes}`, at);
  const type = Buffer.from(reader.bytes(sizeBytes)).toString('latin1');
  if (type !== machineType) {
    throw reader.error(`Machine type received is '${type}' and local is '${machineType}'`, at);
  }
  const received = readMark(reader) === wire.SUBSECTION && readCapabilities(reader).includes(IGNORE_SHARED);
  if (received !== ignoreShared) {
    const word = (on: boolean) => (on ? 'on' : 'off');
    throw reader.error(
      `Capability ${IGNORE_SHARED} is ${word(ignoreShared)}, but received capability is ${word(received)}`,
      at,
    );
  }
}

/** The next mark without taking it. */
function readMark(reader: wire.WireReader): number {
  const mark = reader.peek();
  return mark ?? reader.u8(); // which throws
}

function readCapabilities(reader: wire.WireReader): string[] {
  const at = reader.offset;
  reader.u8();
  const name = reader.name();
  if (name !== CAPABILITIES_SUBSECTION) throw reader.error(`unknown subsection '${name}'`, at);
  expectU32(reader, 'version', 1);
  const count = reader.u32();
  if (count > MAX_CAPABILITIES) {
    throw reader.error(`expected at most ${MAX_CAPABILITIES} capabilities, got ${count}`, at);
  }
  const names = Array.from({ length: count }, () => reader.name());
  const unknown = names.find((capability) => capability !== IGNORE_SHARED);
  if (unknown !== undefined) throw reader.error(`capability '${unknown}' is not offered`, at);
  return names;
}

function readCommands(reader: wire.WireReader, onReturnPath: () => void): void {
  reader.section = 'command';
  for (let count = 0; readMark(reader) === wire.COMMAND; count++) {
    const at = reader.offset;
    if (count === MAX_COMMANDS) throw reader.error(`expected at most ${MAX_COMMANDS} commands`, at);
    reader.u8();
    const command = reader.u16();
    const sizeBytes = reader.u16();
    if (command === COMMAND_OPEN_RETURN_PATH && sizeBytes === 0) onReturnPath();
    else if (command === COMMAND_PING && sizeBytes === 4) reader.u32();
    else throw reader.error(`unknown command ${command} with ${sizeBytes} bytes`, at);
  }
}

function readRamStart(reader: wire.WireReader, { ram, ignoreShared }: StreamSubject): void {
  reader.section = RAM.name;
  expectMark(reader, wire.SECTION_START);
  expectU32(reader, 'section id', RAM.id);
  const at = reader.offset;
  const name = reader.name();
  if (name !== RAM.name) throw reader.error(`expected section 'ram', got '${name}'`, at);
  expectU32(reader, 'instance', 0);
  expectU32(reader, 'version', RAM.version);
  const totalAt = reader.offset;
  const word = reader.u64();
  if ((word & FLAGS) !== RAM_FLAG_SIZE) throw reader.error('expected the list of blocks', totalAt);
  const blockAt = reader.offset;
  const block = reader.name();
  if (block !== ram.name)
    throw reader.error(`Unknown ramblock "${block}", here it is "${ram.name}"`, blockAt);
  const sizeBytes = reader.u64();
  if (sizeBytes !== BigInt(ram.sizeBytes) || word - RAM_FLAG_SIZE !== sizeBytes) {
    throw reader.error(`RAM block '${block}' has ${sizeBytes} bytes, here it has ${ram.sizeBytes}`, blockAt);
  }
  if (ignoreShared) reader.u64(); // where the guest sees it: the machine type says so
  readEndOfPages(reader);
}

/** The end of a part of section 'ram'. */
export function readEndOfPages(reader: wire.WireReader): void {
  const at = reader.offset;
  if (reader.u64() !== RAM_FLAG_END) throw reader.error('expected the end of the pages', at);
  expectMark(reader, wire.SECTION_FOOTER);
  expectU32(reader, 'section id', RAM.id);
}

function expectMark(reader: wire.WireReader, mark: number): void {
  const at = reader.offset;
  const got = reader.u8();
  if (got !== mark) throw reader.error(`expected mark 0x${mark.toString(16)}, got 0x${got.toString(16)}`, at);
}

function expectU32(reader: wire.WireReader, what: string, value: number): void {
  const at = reader.offset;
  const got = reader.u32();
  if (got !== value) throw reader.error(`expected ${what} ${value}, got ${got}`, at);
}
