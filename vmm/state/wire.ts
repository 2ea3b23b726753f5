/**
 * Bytes of a migration stream: a writer that grows and a reader that cannot leave its input. All
 * integers are big-endian. Reading past the end is a `StreamError` that says what was being read.
 */
import { StreamCutShort, StreamError } from './stream-error.js';

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
  #bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written. The bytes are the writer's own: write no more after this. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  // Values are taken modulo the width: `fields.ts` checks what comes from elsewhere.

  u8(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value);
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value);
  }

  u64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigUint64(at, value);
  }

  bytes(value: Uint8Array): void {
    const at = this.#take(value.length);
    this.#bytes.set(value, at);
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

  /** Room at the returned offset; the memory may be another one afterwards. */
  #take(sizeBytes: number): number {
    const at = this.#length;
    const end = at + sizeBytes;
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return at;
  }

  #grow(sizeBytes: number): void {
    const grown = new Uint8Array(Math.max(sizeBytes, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #startsAt: number;
  #offset = 0;
  /** What is being read, for error messages: kept up to date by whoever knows. */
  section: string;
  field: string | null = null;

  /** `startsAt`: where in the whole stream `bytes` are, for error messages. */
  constructor(bytes: Uint8Array, section: string, startsAt = 0) {
    this.#bytes = bytes;
    this.#startsAt = startsAt;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.section = section;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** An error at the place where the reader stands, or at `offset`. */
  error(reason: string, offset: number = this.#offset): StreamError {
    return new StreamError(this.#place(offset), reason);
  }

  #place(offset: number) {
    return { section: this.section, field: this.field, offset: this.#startsAt + offset };
  }

  /** The next byte without taking it; `null` at the end. */
  peek(): number | null {
    return this.#bytes[this.#offset] ?? null;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  /** A copy of the next bytes. */
  bytes(sizeBytes: number): Uint8Array {
    const at = this.#take(sizeBytes);
    return this.#bytes.slice(at, at + sizeBytes);
  }

  /** A name with its length in one byte before it. Bytes that are no printable ASCII are refused. */
  name(): string {
    const sizeBytes = this.u8();
    const at = this.#take(sizeBytes);
    const text = String.fromCharCode(...this.#bytes.subarray(at, at + sizeBytes));
    if (!/^[\x20-\x7e]+$/.test(text)) {
      throw this.error('expected a name of printable ASCII characters', at);
    }
    return text;
  }

  #take(sizeBytes: number): number {
    if (sizeBytes > this.remaining) {
      const reason = `expected ${sizeBytes} more bytes, got ${this.remaining}`;
      throw new StreamCutShort(this.#place(this.#offset), reason);
    }
    const at = this.#offset;
    this.#offset += sizeBytes;
    return at;
  }
}
