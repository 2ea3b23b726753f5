/**
 * One field of a state description to and from bytes. Encoding refuses a value that its type cannot
 * hold (a mistake of ours); decoding yields fresh values of exactly the declared type and count.
 */
import type { Field, FieldType, FieldValue } from './description.js';
import type { WireReader, WireWriter } from './wire.js';

interface Scalar {
  readonly sizeBytes: number;
  /** Writes `value`; throws RangeError or TypeError when the type cannot hold it. */
  write(writer: WireWriter, value: unknown): void;
  read(reader: WireReader): number | bigint | boolean;
}

function integer(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`expected an integer, got ${String(value)} (${typeof value})`);
  }
  return value;
}

function bigInteger(value: unknown): bigint {
  if (typeof value !== 'bigint') {
    throw new TypeError(`expected a bigint, got ${String(value)} (${typeof value})`);
  }
  return value;
}

const SCALARS: Readonly<Record<Exclude<FieldType, 'buffer'>, Scalar>> = {
  uint8: { sizeBytes: 1, write: (to, value) => to.u8(integer(value)), read: (from) => from.u8() },
  uint16: { sizeBytes: 2, write: (to, value) => to.u16(integer(value)), read: (from) => from.u16() },
  uint32: { sizeBytes: 4, write: (to, value) => to.u32(integer(value)), read: (from) => from.u32() },
  int32: { sizeBytes: 4, write: (to, value) => to.i32(integer(value)), read: (from) => from.i32() },
  uint64: { sizeBytes: 8, write: (to, value) => to.u64(bigInteger(value)), read: (from) => from.u64() },
  int64: { sizeBytes: 8, write: (to, value) => to.i64(bigInteger(value)), read: (from) => from.i64() },
  bool: {
    sizeBytes: 1,
    write: (to, value) => {
      if (typeof value !== 'boolean') throw new TypeError(`expected a boolean, got ${String(value)}`);
      to.u8(value ? 1 : 0);
    },
    read: (from) => {
      const value = from.u8();
      if (value > 1) throw from.error(`expected 0 or 1, got ${value}`, from.offset - 1);
      return value === 1;
    },
  },
};

/** Bytes of one element, as the JSON description lists them. */
export function elementSizeBytes(field: Field): number {
  return field.type === 'buffer' ? bufferSizeBytes(field) : SCALARS[field.type].sizeBytes;
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
  const scalar = SCALARS[field.type];
  if (field.count === undefined) {
    scalar.write(writer, value);
    return;
  }
  if (!Array.isArray(value) || value.length !== field.count) {
    throw new TypeError(`expected an array of ${field.count}, got ${describe(value)}`);
  }
  for (const element of value) scalar.write(writer, element);
}

export function readField(reader: WireReader, field: Field): FieldValue {
  if (field.type === 'buffer') return reader.bytes(bufferSizeBytes(field));
  const scalar = SCALARS[field.type];
  if (field.count === undefined) return scalar.read(reader);
  return Array.from({ length: field.count }, () => scalar.read(reader)) as unknown as FieldValue;
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : String(value);
}
