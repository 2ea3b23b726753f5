/**
 * One field of a state description to and from bytes. Encoding refuses a value that its type cannot
 * hold (a mistake of ours); decoding yields fresh values of exactly the declared type and count.
 */
import type { Field, FieldType, FieldValue } from './description.js';
import type { WireReader, WireWriter } from './wire.js';

type ScalarType = Exclude<FieldType, 'buffer' | 'vbuffer'>;

const SIZES_BYTES: Readonly<Record<ScalarType, number>> = {
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** The field as QEMU's JSON description words it; one of variable length becomes two, as it would have them. */
export function describeField(field: Field, value: unknown): readonly object[] {
  const { name, type, count } = field;
  if (type === 'buffer') return [{ name, type, size: bufferSizeBytes(field) }];
  if (type === 'vbuffer') {
    const length = { name: `${name}_size`, type: 'uint32', size: SIZES_BYTES.uint32 };
    return [length, { name, type: 'buffer', size: (value as Uint8Array).length }];
  }
  return [{ name, ...(count === undefined ? {} : { array_len: count }), type, size: SIZES_BYTES[type] }];
}

function bufferSizeBytes(field: Field): number {
  if (field.count === undefined) throw new TypeError(`field '${field.name}': a buffer needs a count`);
  return field.count;
}

export function writeField(writer: WireWriter, field: Field, value: unknown): void {
  if (field.type === 'buffer') {
    const sizeBytes = bufferSizeBytes(field);
    if (!(value instanceof Uint8Array) || value.length !== sizeBytes) {
      throw new TypeError(`expected ${sizeBytes} bytes, got ${describe(value)}`);
    }
    writer.bytes(value);
    return;
  }
  if (field.type === 'vbuffer') {
    const limitBytes = bufferSizeBytes(field);
    if (!(value instanceof Uint8Array) || value.length > limitBytes) {
      throw new TypeError(`expected at most ${limitBytes} bytes, got ${describe(value)}`);
    }
    writer.u32(value.length);
    writer.bytes(value);
    return;
  }
  if (field.count === undefined) {
    writeScalar(writer, field.type, value);
    return;
  }
  if (!Array.isArray(value) || value.length !== field.count) {
    throw new TypeError(`expected an array of ${field.count}, got ${describe(value)}`);
  }
  for (const element of value) writeScalar(writer, field.type, element);
}

function writeScalar(writer: WireWriter, type: ScalarType, value: unknown): void {
  if (type === 'uint64') writer.u64(requireBigInt(value, BigInt.asUintN));
  else if (type === 'int64') writer.u64(requireBigInt(value, BigInt.asIntN));
  else if (type === 'uint32') writer.u32(requireInteger(value, 0, 0xffff_ffff));
  else if (type === 'int32') writer.u32(requireInteger(value, -0x8000_0000, 0x7fff_ffff));
  else if (type === 'uint16') writer.u16(requireInteger(value, 0, 0xffff));
  else if (type === 'uint8') writer.u8(requireInteger(value, 0, 0xff));
  else writer.u8(requireBoolean(value) ? 1 : 0);
}

function requireBoolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`expected a boolean, got ${String(value)}`);
}

function requireInteger(value: unknown, minimum: number, maximum: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum)
    return value;
  throw new TypeError(
    `expected an integer from ${minimum} to ${maximum}, got ${String(value)} (${typeof value})`,
  );
}

function requireBigInt(value: unknown, truncate: (bits: number, value: bigint) => bigint): bigint {
  if (typeof value === 'bigint' && truncate(64, value) === value) return value;
  throw new TypeError(`expected a bigint of 64 bits, got ${String(value)} (${typeof value})`);
}

export function readField(reader: WireReader, field: Field): FieldValue {
  if (field.type === 'buffer') return reader.bytes(bufferSizeBytes(field));
  if (field.type === 'vbuffer') return readVariable(reader, bufferSizeBytes(field));
  if (field.count === undefined) return readScalar(reader, field.type);
  const values: unknown[] = [];
  for (let index = 0; index < field.count; index++) values.push(readScalar(reader, field.type));
  return values as unknown as FieldValue;
}

function readVariable(reader: WireReader, limitBytes: number): Uint8Array {
  const at = reader.offset;
  const sizeBytes = reader.u32();
  if (sizeBytes > limitBytes)
    throw reader.error(`expected at most ${limitBytes} bytes, got ${sizeBytes}`, at);
  return reader.bytes(sizeBytes);
}

function readScalar(reader: WireReader, type: ScalarType): number | bigint | boolean {
  switch (type) {
    case 'uint64':
      return reader.u64();
    case 'int64':
      return reader.i64();
    case 'uint32':
      return reader.u32();
    case 'int32':
      return reader.i32();
    case 'uint16':
      return reader.u16();
    case 'uint8':
      return reader.u8();
    case 'bool': {
      const value = reader.u8();
      if (value > 1) throw reader.error(`expected 0 or 1, got ${value}`, reader.offset - 1);
      return value === 1;
    }
  }
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : String(value);
}
