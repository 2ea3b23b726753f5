/**
 * Device sections of a migration stream, derived from the state descriptions. One section on the wire:
 *
 *     0x04  u32 section id  u8 length + name  u32 instance  u32 version
 *     fields, big-endian, in declared order
 *     { 0x05  u8 length + name  u32 version  fields }       a subsection for each that is needed
 *     0x7e  u32 section id                                  footer
 *
 * Decoding is total and bounded: counts come from the descriptions, never from the stream, and whatever
 * the bytes are, the result is either a checked state for every expected section or one `StreamError`
 * that names the section, the field and the offset. Nothing is returned before everything was checked.
 */
import type { Field, StateDescription, Subsection } from './description.js';
import { describeField, readField, writeField } from './fields.js';
import { SECTION_FOOTER, SECTION_FULL, SUBSECTION, WireReader, WireWriter } from './wire.js';

/** Device sections are numbered from here; lower numbers belong to the stream itself (guest memory). */
export const FIRST_DEVICE_SECTION_ID = 3;

type Values = Record<string, unknown>;

export interface SectionToSave {
  readonly description: StateDescription<unknown>;
  readonly instanceId: number;
  readonly state: unknown;
}

export interface ExpectedSection {
  readonly description: StateDescription<unknown>;
  readonly instanceId: number;
  /** May be missing: the state is then that of reset. */
  readonly isOptional?: boolean;
}

export interface EncodedSections {
  readonly bytes: Uint8Array;
  /** Objects for the `devices` array of the stream's JSON description, as JSON. */
  readonly description: readonly string[];
}

/** Key of a section in what `decodeSections` returns: the name, and the instance unless it is 0. */
export function sectionKey(name: string, instanceId: number): string {
  return instanceId === 0 ? name : `${name}#${instanceId}`;
}

/** Encodes sections in the given order, numbered from `firstSectionId`. Does not change the states. */
export function encodeSections(
  sections: readonly SectionToSave[],
  firstSectionId: number = FIRST_DEVICE_SECTION_ID,
): EncodedSections {
  const writer = new WireWriter();
  const description = sections.map((section, index) =>
    encodeSection(writer, section, firstSectionId + index),
  );
  return { bytes: writer.finish(), description };
}

function encodeSection(writer: WireWriter, section: SectionToSave, sectionId: number): string {
  const { description, instanceId, state } = section;
  writer.u8(SECTION_FULL);
  writer.u32(sectionId);
  writer.name(description.name);
  writer.u32(instanceId);
  writer.u32(description.version);
  writeFields(writer, description.name, description.fields, state as Values);
  const subsections = (description.subsections ?? []).filter((subsection) => subsection.needed(state));
  for (const subsection of subsections) {
    writer.u8(SUBSECTION);
    writer.name(subsection.name);
    writer.u32(subsection.version);
    writeFields(writer, subsection.name, subsection.fields, state as Values);
  }
  writer.u8(SECTION_FOOTER);
  writer.u32(sectionId);
  return describeOnce(section, subsections);
}

function writeFields(writer: WireWriter, owner: string, fields: readonly Field[], state: Values): void {
  for (const field of fields) {
    try {
      writeField(writer, field, state[field.name]);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`cannot save section '${owner}', field '${field.name}': ${reason}`, { cause });
    }
  }
}

/**
 * Descriptions say nothing of values but their lengths, and are made while a guest waits: each whose lengths are
 * fixed is made once. By the state description, then by instance and the subsections that are present.
 */
const DESCRIBED = new WeakMap<StateDescription<unknown>, Map<string, string>>();

function describeOnce(section: SectionToSave, subsections: readonly Subsection<unknown>[]): string {
  const { description, instanceId } = section;
  const parts = [description.fields, ...subsections.map(({ fields }) => fields)];
  if (parts.some(hasVariableLength)) return JSON.stringify(describeSection(section, subsections));
  const known = DESCRIBED.get(description) ?? new Map<string, string>();
  DESCRIBED.set(description, known);
  const key = [instanceId, ...subsections.map(({ name }) => name)].join(' ');
  const json = known.get(key) ?? JSON.stringify(describeSection(section, subsections));
  known.set(key, json);
  return json;
}

function hasVariableLength(fields: readonly Field[]): boolean {
  return fields.some(({ type }) => type === 'vbuffer');
}

function describeFields(fields: readonly Field[], state: Values): readonly object[] {
  return fields.flatMap((field) => describeField(field, state[field.name]));
}

/** The section as QEMU's JSON description words it. */
function describeSection(section: SectionToSave, subsections: readonly Subsection<unknown>[]): unknown {
  const { name, version, fields } = section.description;
  const state = section.state as Values;
  const described = {
    name,
    instance_id: section.instanceId,
    vmsd_name: name,
    version,
    fields: describeFields(fields, state),
  };
  if (subsections.length === 0) return described;
  return {
    ...described,
    subsections: subsections.map((subsection) => ({
      vmsd_name: subsection.name,
      version: subsection.version,
      fields: describeFields(subsection.fields, state),
    })),
  };
}

/**
 * Decodes exactly the expected sections, each once (optional ones at most), in any order; `bytes` holds nothing else. The states
 * are fresh objects by `sectionKey`, complete (reset values for what an older section did not carry) and
 * accepted by their `validate`. Throws `StreamError`.
 */
export function decodeSections(
  bytes: Uint8Array,
  expected: readonly ExpectedSection[],
): Map<string, unknown> {
  const wanted = new Map(
    expected.map(({ description, instanceId }) => [sectionKey(description.name, instanceId), description]),
  );
  const states = new Map<string, unknown>();
  const ids = new Set<number>();
  const reader = new WireReader(bytes, 'sections');
  while (reader.remaining > 0) {
    const { key, sectionId, state } = decodeSection(reader, wanted, states);
    if (ids.has(sectionId)) throw reader.error(`section id ${sectionId} is used twice`);
    ids.add(sectionId);
    states.set(key, state);
    reader.section = 'sections';
  }
  for (const { description, instanceId, isOptional = false } of expected) {
    const key = sectionKey(description.name, instanceId);
    if (states.has(key)) continue;
    reader.section = description.name;
    if (!isOptional) throw reader.error('the stream ends without this section');
    states.set(key, freshReset(description));
  }
  return states;
}

function decodeSection(
  reader: WireReader,
  wanted: ReadonlyMap<string, StateDescription<unknown>>,
  seen: ReadonlyMap<string, unknown>,
): { key: string; sectionId: number; state: unknown } {
  const startedAt = reader.offset;
  const mark = reader.u8();
  if (mark !== SECTION_FULL) {
    throw reader.error(`expected the start of a section (0x04), got ${hex(mark)}`, startedAt);
  }
  const sectionId = reader.u32();
  const name = reader.name();
  const instanceId = reader.u32();
  const key = sectionKey(name, instanceId);
  reader.section = name;
  const description = wanted.get(key);
  if (description === undefined) {
    throw reader.error(
      `unknown section (instance ${instanceId}): this machine has no such device`,
      startedAt,
    );
  }
  if (seen.has(key)) throw reader.error('the section comes twice', startedAt);
  const version = readVersion(reader, description.minimumVersion, description.version);
  const state: Values = freshReset(description);
  readFields(reader, description.fields, version, state);
  readSubsections(reader, description, state);
  readFooter(reader, sectionId);
  const complaint = description.validate?.(state) ?? null;
  if (complaint !== null) throw reader.error(complaint, startedAt);
  return { key, sectionId, state };
}

function readVersion(reader: WireReader, minimum: number, maximum: number): number {
  const at = reader.offset;
  const version = reader.u32();
  if (version < minimum || version > maximum) {
    throw reader.error(`expected version ${minimum} to ${maximum}, got ${version}`, at);
  }
  return version;
}

function readFields(reader: WireReader, fields: readonly Field[], version: number, state: Values): void {
  for (const field of fields) {
    if ((field.sinceVersion ?? 0) > version) continue;
    reader.field = field.name;
    state[field.name] = readField(reader, field);
  }
  reader.field = null;
}

function readSubsections(reader: WireReader, description: StateDescription<unknown>, state: Values): void {
  const seen = new Set<string>();
  while (reader.peek() === SUBSECTION) {
    const startedAt = reader.offset;
    reader.u8();
    const name = reader.name();
    const subsection = (description.subsections ?? []).find((candidate) => candidate.name === name);
    if (subsection === undefined) throw reader.error(`unknown subsection '${name}'`, startedAt);
    if (seen.has(name)) throw reader.error(`subsection '${name}' comes twice`, startedAt);
    seen.add(name);
    reader.section = name;
    const version = readVersion(reader, 1, subsection.version);
    readFields(reader, subsection.fields, version, state);
    reader.section = description.name;
  }
}

function readFooter(reader: WireReader, sectionId: number): void {
  const at = reader.offset;
  const mark = reader.u8();
  if (mark !== SECTION_FOOTER) {
    throw reader.error(`expected the footer (0x7e), got ${hex(mark)}: the section has another length`, at);
  }
  const id = reader.u32();
  if (id !== sectionId) throw reader.error(`expected the footer of section ${sectionId}, got ${id}`, at);
}

/** The reset values with arrays and buffers of their own. */
function freshReset(description: StateDescription<unknown>): Values {
  const reset = description.reset as Values;
  const fields = [description.fields, ...(description.subsections ?? []).map(({ fields }) => fields)].flat();
  return Object.fromEntries(
    fields.map(({ name }) => {
      const value = reset[name];
      if (value instanceof Uint8Array) return [name, new Uint8Array(value)];
      return [name, Array.isArray(value) ? [...value] : value];
    }),
  );
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
