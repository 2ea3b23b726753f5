/** Writes the main channel of a migration; its layout is in `stream-format.ts`. */
import { RAM_BASE_ADDRESS } from '../layout.js';
import type { RunState } from '../run-state.js';
import { type EncodedSections, encodeSections } from '../state/codec.js';
import * as wire from '../state/wire.js';
import type { CprEntry } from './cpr-state.js';
import { encodeLocalSection } from './local-section.js';
import {
  CAPABILITIES_SUBSECTION,
  COMMAND_OPEN_RETURN_PATH,
  COMMAND_PING,
  GLOBAL_STATE,
  GLOBAL_STATE_ID,
  IGNORE_SHARED,
  PAGE_BYTES,
  RAM,
  RAM_FLAG_END,
  RAM_FLAG_SIZE,
  RUN_STATE_BYTES,
  STREAM_MAGIC,
  STREAM_VERSION,
  type StreamSubject,
} from './stream-format.js';

const NO_SECTIONS: EncodedSections = { bytes: new Uint8Array(), description: [] };

/** Everything that is known before the VM is stopped, up to where the pages of RAM would come. */
export function encodeHead(subject: StreamSubject, wantsReturnPath: boolean): Uint8Array {
  const writer = new wire.WireWriter();
  writer.u32(STREAM_MAGIC);
  writer.u32(STREAM_VERSION);
  writer.u8(wire.CONFIGURATION);
  const type = Buffer.from(subject.machineType);
  writer.u32(type.length);
  writer.bytes(type);
  if (subject.ignoreShared) {
    writer.u8(wire.SUBSECTION);
    writer.name(CAPABILITIES_SUBSECTION);
    writer.u32(1);
    writer.u32(1);
    writer.name(IGNORE_SHARED);
  }
  if (wantsReturnPath) {
    writeCommand(writer, COMMAND_OPEN_RETURN_PATH, new Uint8Array(0));
    writeCommand(writer, COMMAND_PING, Uint8Array.of(0, 0, 0, 1));
  }
  writeRam(writer, subject);
  return writer.finish();
}

function writeCommand(writer: wire.WireWriter, command: number, data: Uint8Array): void {
  writer.u8(wire.COMMAND);
  writer.u16(command);
  writer.u16(data.length);
  writer.bytes(data);
}

function writeRam(writer: wire.WireWriter, { ram, ignoreShared }: StreamSubject): void {
  const sizeBytes = BigInt(ram.sizeBytes);
  writer.u8(wire.SECTION_START);
  writer.u32(RAM.id);
  writer.name(RAM.name);
  writer.u32(0);
  writer.u32(RAM.version);
  writer.u64(sizeBytes | RAM_FLAG_SIZE);
  writer.name(ram.name);
  writer.u64(sizeBytes);
  if (ignoreShared) writer.u64(BigInt(RAM_BASE_ADDRESS));
  writer.u64(RAM_FLAG_END);
  writeFooter(writer, RAM.id);
  writer.u8(wire.SECTION_END);
  writer.u32(RAM.id);
}

function writeFooter(writer: wire.WireWriter, sectionId: number): void {
  writer.u8(wire.SECTION_FOOTER);
  writer.u32(sectionId);
}

/**
 * The rest, after the pages: what the VM did, its device sections, the end and the description. `late`: what the
 * descriptors are that went with the stream, if they go in it.
 */
export function encodeTail(
  subject: StreamSubject,
  stateBefore: RunState,
  saved: { readonly sections: Uint8Array; readonly description: readonly string[] },
  late: readonly CprEntry[] = [],
): Uint8Array {
  const local = subject.local ? encodeLocalSection(late) : NO_SECTIONS;
  const global = encodeGlobalState(stateBefore);
  const devices = [...local.description, ...global.description, ...saved.description].join(',');
  const configuration = JSON.stringify(describeConfiguration(subject));
  const json = Buffer.from(
    `{"configuration":${configuration},"page_size":${PAGE_BYTES},"devices":[${devices}]}`,
  );
  const writer = new wire.WireWriter();
  writer.u64(RAM_FLAG_END);
  writeFooter(writer, RAM.id);
  writer.bytes(local.bytes);
  writer.bytes(global.bytes);
  writer.bytes(saved.sections);
  writer.u8(wire.SECTION_EOF);
  writer.u8(wire.VM_DESCRIPTION);
  writer.u32(json.length);
  writer.bytes(json);
  return writer.finish();
}

/** The run state in the fixed form that QEMU gives it. */
function encodeGlobalState(state: RunState): ReturnType<typeof encodeSections> {
  const runstate = new Uint8Array(RUN_STATE_BYTES);
  runstate.set(Buffer.from(state));
  const section = { description: GLOBAL_STATE, instanceId: 0, state: { size: state.length + 1, runstate } };
  return encodeSections([section], GLOBAL_STATE_ID);
}

function describeConfiguration({ machineType, ignoreShared }: StreamSubject): unknown {
  const capabilities = {
    vmsd_name: CAPABILITIES_SUBSECTION,
    version: 1,
    fields: [
      { name: 'caps_count', type: 'uint32', size: 4 },
      { name: 'capabilities', type: 'capability', size: 1 + IGNORE_SHARED.length },
    ],
  };
  return {
    vmsd_name: 'configuration',
    version: 1,
    fields: [
      { name: 'len', type: 'uint32', size: 4 },
      { name: 'name', type: 'buffer', size: Buffer.byteLength(machineType) },
    ],
    ...(ignoreShared ? { subsections: [capabilities] } : {}),
  };
}
