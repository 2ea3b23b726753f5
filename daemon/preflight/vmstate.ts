/**
 * The document that `qemu-system-… -dump-vmstate` writes: for each type of device that a binary knows, what
 * it puts into a migration stream, in order. Reading it treats it as hostile: depth and size are bounded,
 * and what does not have the form is an error with its place.
 *
 *     { "vmschkmachine": {"Name": "pc-q35-10.0"},
 *       "TYPE": {"Name", "version_id", "minimum_version_id", "Description": DESCRIPTION}, … }
 *     DESCRIPTION: {"name", "version_id", "minimum_version_id",
 *                   "Fields": [FIELD…], "Subsections": [DESCRIPTION…]}
 *     FIELD: {"field", "version_id", "field_exists", "size", "num"?, "Description"?}
 *
 * Not in it: processors, guest memory, timers, and other state that is registered without a device.
 */
import { isRecord } from '../../vmm/qmp/protocol.js';

export interface VmStateField {
  readonly name: string;
  /** The first version of its description that has it. */
  readonly versionId: number;
  /** Whether the device decides at run time if it is in the stream. */
  readonly isConditional: boolean;
  /** In the VMM's memory; of what is in the stream only when the field is a plain one. */
  readonly sizeBytes: number;
  readonly count: number;
  readonly struct: VmStateDescription | null;
}

export interface VmStateDescription {
  readonly name: string;
  readonly versionId: number;
  readonly minimumVersionId: number;
  readonly fields: readonly VmStateField[];
  readonly subsections: readonly VmStateDescription[];
}

export interface VmStateDump {
  readonly machineType: string;
  /** By the name of the QOM type. */
  readonly devices: ReadonlyMap<string, VmStateDescription>;
}

/** Descriptions nest by structures in structures; real ones reach five. */
const MAX_DEPTH = 32;
/** Comparing takes time by the square of it; the longest real list has about a hundred. */
const MAX_FIELDS = 2_000;
const MACHINE_KEY = 'vmschkmachine';

export function parseVmStateDump(text: string): VmStateDump {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new Error(`expected -dump-vmstate to write JSON: ${(cause as Error).message}`, { cause });
  }
  const dump = record(document, 'the document');
  const devices = new Map<string, VmStateDescription>();
  for (const [type, entry] of Object.entries(dump)) {
    if (type === MACHINE_KEY) continue;
    devices.set(type, parseDescription(record(entry, type).Description, type, 0));
  }
  return { machineType: string(record(dump[MACHINE_KEY], MACHINE_KEY).Name, MACHINE_KEY), devices };
}

function parseDescription(value: unknown, at: string, depth: number): VmStateDescription {
  if (depth > MAX_DEPTH) throw new Error(`expected descriptions at most ${MAX_DEPTH} deep at ${at}`);
  const description = record(value, at);
  const { Fields = [], Subsections = [] } = description;
  const fields = array(Fields, at);
  if (fields.length > MAX_FIELDS) throw new Error(`expected at most ${MAX_FIELDS} fields at ${at}`);
  return {
    name: string(description.name, at),
    versionId: integer(description.version_id, at),
    minimumVersionId: integer(description.minimum_version_id, at),
    fields: fields.map((field) => parseField(field, at, depth)),
    subsections: array(Subsections, at).map((subsection) => parseDescription(subsection, at, depth + 1)),
  };
}

function parseField(value: unknown, device: string, depth: number): VmStateField {
  const field = record(value, device);
  const name = string(field.field, device);
  const at = `${device}, field ${name}`;
  const { num = 1, Description } = field;
  return {
    name,
    versionId: integer(field.version_id, at),
    isConditional: field.field_exists === true,
    sizeBytes: integer(field.size, at),
    count: integer(num, at),
    struct: Description === undefined ? null : parseDescription(Description, at, depth + 1),
  };
}

function record(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new Error(`expected an object for ${at} in the vmstate dump, got ${brief(value)}`);
}

function array(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`expected an array for ${at} in the vmstate dump, got ${brief(value)}`);
}

function string(value: unknown, at: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`expected a name for ${at} in the vmstate dump, got ${brief(value)}`);
}

function integer(value: unknown, at: string): number {
  if (Number.isInteger(value)) return value as number;
  throw new Error(`expected an integer for ${at} in the vmstate dump, got ${brief(value)}`);
}

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
