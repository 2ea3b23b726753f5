/**
 * Bytes of a migration stream: a writer that grows and a reader that cannot leave its input. All
 * integers are big-endian. Reading past the end is a `StreamError` that says what was being read.
 */
import { StreamError } from './stream-error.js';

/** Marks of a QEMU migration stream. */
export const SECTION_EOF = 0x00;
export const SECTION_START = 0x01;
export const SECTION_PART = 0x02;
export const SECTION_END = 0x03;
export const SECTION_FULL = 0x04;
export const SUBSECTION = 0x05;
export const VM_DESCRIPTION = 0x06;
export const CONFIGURATION = 0x07;
export const COMMAND = 0x08;
export const SECTION_FOOTER = 0x7e;

/** A name on the wire has one length byte. */
const NAME_LIMIT_BYTES = 255;
/** Holds the state of a small machine without growing. */
const FIRST_CAPACITY_BYTES = 16 * 1024;

export class WireWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY_BYTES);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written. The bytes are the writer's own: write no more after this. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  u8(value: number): void {
    this.#buffer.writeUInt8(value, this.#take(1));
  }

  u16(value: number): void {
    this.#buffer.writeUInt16BE(value, this.#take(2));
  }

  u32(value: number): void {
    this.#buffer.writeUInt32BE(value, this.#take(4));
  }

  i32(value: number): void {
    this.#buffer.writeInt32BE(value, this.#take(4));
  }

  u64(value: bigint): void {
    this.#buffer.writeBigUInt64BE(value, this.#take(8));
  }

  i64(value: bigint): void {
    this.#buffer.writeBigInt64BE(value, this.#take(8));
  }

  bytes(value: Uint8Array): void {
    this.#buffer.set(value, this.#take(value.length));
  }

  /** A name with its length in one byte before it. */
  name(value: string): void {
    const encoded = Buffer.from(value, 'utf8');
    if (encoded.length > NAME_LIMIT_BYTES) {
      throw new RangeError(`expected a name of at most ${NAME_LIMIT_BYTES} bytes, got '${value}'`);
    }
    this.u8(encoded.length);
    this.bytes(encoded);
  }

  #take(sizeBytes: number): number {
    const at = this.#length;
    const end = at + sizeBytes;
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = end;
    return at;
  }
}

export class WireReader {
  readonly #buffer: Buffer;
  #offset = 0;
  /** What is being read, for error messages: kept up to date by whoever knows. */
  section: string;
  field: string | null = null;

  constructor(bytes: Uint8Array, section: string) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.section = section;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  /** An error at the place where the reader stands, or at `offset`. */
  error(reason: string, offset: number = this.#offset): StreamError {
    return new StreamError({ section: this.section, field: this.field, offset }, reason);
  }

  /** The next byte without taking it; `null` at the end. */
  peek(): number | null {
    return this.#buffer[this.#offset] ?? null;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  /** A copy of the next bytes. */
  bytes(sizeBytes: number): Uint8Array {
    const at = this.#take(sizeBytes);
    return new Uint8Array(this.#buffer.subarray(at, at + sizeBytes));
  }

  /** A name with its length in one byte before it. Bytes that are no printable ASCII are refused. */
  name(): string {
    const sizeBytes = this.u8();
    const at = this.#take(sizeBytes);
    const text = this.#buffer.toString('latin1', at, at + sizeBytes);
    if (!/^[\x20-\x7e]+$/.test(text)) {
      throw this.error('expected a name of printable ASCII characters', at);
    }
    return text;
  }

  #take(sizeBytes: number): number {
    if (sizeBytes > this.remaining) {
      throw this.error(`expected ${sizeBytes} more bytes, got ${this.remaining}: the stream is cut short`);
    }
    const at = this.#offset;
    this.#offset += sizeBytes;
    return at;
  }
}
