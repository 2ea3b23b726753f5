/**
 * Reads the main channel of a migration; its layout is in `stream-format.ts`. Total: whatever the bytes
 * are, the result is a checked head with the device sections cut out, or a `StreamError`.
 */
import { isRunState, type RunState } from '../run-state.js';
import { decodeSections } from '../state/codec.js';
import { StreamError } from '../state/stream-error.js';
import * as wire from '../state/wire.js';
import {
  CARRIED_STATES,
  COMMAND_OPEN_RETURN_PATH,
  COMMAND_PING,
  GLOBAL_STATE,
  GLOBAL_STATE_BYTES,
  type GlobalState,
  PAGE_BYTES,
  RAM,
  RAM_FLAG_END,
  RAM_FLAG_SIZE,
  STREAM_MAGIC,
  STREAM_VERSION,
  type StreamSubject,
} from './stream-format.js';

const CLOSING_BRACE = 0x7d;

export interface Preamble {
  readonly wantsReturnPath: boolean;
  readonly stateBefore: RunState;
  /** Device sections: what `MachineHandle.load` takes. */
  readonly sections: Uint8Array;
}

/** Refuses what cannot become a stream, as soon as its first bytes are there. */
export function checkStart(bytes: Uint8Array): void {
  if (bytes.length < 4) return;
  const reader = new wire.WireReader(bytes, 'header');
  const magic = reader.u32();
  if (magic !== STREAM_MAGIC) {
    throw reader.error(`not a migration stream: expected magic 0x5145564d, got 0x${magic.toString(16)}`, 0);
  }
  if (reader.remaining < 4) return;
  const version = reader.u32();
  if (version !== STREAM_VERSION) throw reader.error(`expected version ${STREAM_VERSION}, got ${version}`, 4);
}

/**
 * Decodes a whole stream up to the device sections, which it cuts out. `onReturnPath` is called when the
 * source asks for one, which may be before an error.
 */
export function decodeStream(bytes: Uint8Array, subject: StreamSubject, onReturnPath: () => void): Preamble {
  const reader = new wire.WireReader(bytes, 'header');
  if (bytes.length < 8) throw reader.error('the stream is cut short', bytes.length);
  checkStart(bytes);
  reader.bytes(8);
  readConfiguration(reader, subject.machineType);
  const wantsReturnPath = readCommands(reader, onReturnPath);
  readRamStart(reader, subject.ram);
  readRamEnd(reader);
  reader.section = GLOBAL_STATE.name;
  const stateBefore = readGlobalState(reader);
  return { wantsReturnPath, stateBefore, sections: cutSections(bytes, reader.offset) };
}

function readConfiguration(reader: wire.WireReader, machineType: string): void {
  reader.section = 'configuration';
  expectMark(reader, wire.CONFIGURATION);
  const at = reader.offset;
  const sizeBytes = reader.u32();
  if (sizeBytes > 255)
    throw reader.error(`expected a machine type of at most 255 bytes, got ${sizeBytes}`, at);
  const type = Buffer.from(reader.bytes(sizeBytes)).toString('latin1');
  if (type !== machineType) {
    throw reader.error(`the machine type received is '${type}', here it is '${machineType}'`, at);
  }
}

function readCommands(reader: wire.WireReader, onReturnPath: () => void): boolean {
  let wantsReturnPath = false;
  reader.section = 'command';
  while (reader.peek() === wire.COMMAND) {
    const at = reader.offset;
    reader.u8();
    const command = reader.u16();
    const sizeBytes = reader.u16();
    if (command === COMMAND_OPEN_RETURN_PATH && sizeBytes === 0) {
      wantsReturnPath = true;
      onReturnPath();
    } else if (command === COMMAND_PING && sizeBytes === 4) {
      reader.u32();
    } else {
      throw reader.error(`unknown command ${command} with ${sizeBytes} bytes`, at);
    }
  }
  return wantsReturnPath;
}

function readRamStart(reader: wire.WireReader, ram: StreamSubject['ram']): void {
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
  if ((word & (PAGE_BYTES - 1n)) !== RAM_FLAG_SIZE)
    throw reader.error('expected the list of blocks', totalAt);
  const blockAt = reader.offset;
  const block = reader.name();
  if (block !== ram.name)
    throw reader.error(`unknown RAM block '${block}', here it is '${ram.name}'`, blockAt);
  const sizeBytes = reader.u64();
  if (sizeBytes !== BigInt(ram.sizeBytes) || word - RAM_FLAG_SIZE !== sizeBytes) {
    throw reader.error(`RAM block '${block}' has ${sizeBytes} bytes, here it has ${ram.sizeBytes}`, blockAt);
  }
  expectEndOfRam(reader);
}

function readRamEnd(reader: wire.WireReader): void {
  expectMark(reader, wire.SECTION_END);
  expectU32(reader, 'section id', RAM.id);
  expectEndOfRam(reader);
}

function expectEndOfRam(reader: wire.WireReader): void {
  const at = reader.offset;
  if (reader.u64() !== RAM_FLAG_END) {
    throw reader.error('expected no contents: RAM comes by its descriptor, is the mode cpr-transfer?', at);
  }
  expectMark(reader, wire.SECTION_FOOTER);
  expectU32(reader, 'section id', RAM.id);
}

function readGlobalState(reader: wire.WireReader): RunState {
  const at = reader.offset;
  const bytes = reader.bytes(GLOBAL_STATE_BYTES);
  const state = decodeSections(bytes, [{ description: GLOBAL_STATE, instanceId: 0 }]).get(GLOBAL_STATE.name);
  const { size, runstate } = state as GlobalState;
  const name = Buffer.from(runstate.subarray(0, Math.max(0, size - 1))).toString('latin1');
  if (!isRunState(name) || !CARRIED_STATES.includes(name)) {
    throw reader.error(`expected the source's run state to be one of ${CARRIED_STATES.join(', ')}`, at);
  }
  return name;
}

/** Whether this is a whole stream: nothing can follow the description. */
export function isComplete(bytes: Uint8Array): boolean {
  return bytes.at(-1) === CLOSING_BRACE && findEnd(bytes, 0) !== null;
}

function cutSections(bytes: Uint8Array, from: number): Uint8Array {
  const end = findEnd(bytes, from);
  if (end !== null) return bytes.subarray(from, end);
  throw new StreamError(
    { section: 'end', field: null, offset: bytes.length },
    'expected the end mark and the description of the sections: the stream is cut short',
  );
}

/**
 * Where the end mark is, at or behind `from`. It is found from the back: JSON holds no NUL, so the
 * last NUL of the stream is in the description's length or is the end mark itself.
 */
function findEnd(bytes: Uint8Array, from: number): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lastNul = bytes.lastIndexOf(0);
  for (let lengthAt = lastNul - 3; lengthAt <= lastNul; lengthAt++) {
    const end = lengthAt - 2;
    if (end < from || lengthAt + 4 > bytes.length) continue;
    const isEnd = bytes[end] === wire.SECTION_EOF && bytes[end + 1] === wire.VM_DESCRIPTION;
    if (isEnd && view.getUint32(lengthAt) === bytes.length - lengthAt - 4) return end;
  }
  return null;
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
