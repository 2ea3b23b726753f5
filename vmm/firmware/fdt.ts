/**
 * Flattened device trees (Devicetree Specification 0.4, chapter 5): a tree of plain data to a blob of
 * version 17 and back. Reading takes any bytes and answers with a tree or one `FdtError`.
 */

/** Cells as numbers, text, lists of text, raw bytes, or nothing at all (`null`: a flag). */
export type FdtValue = readonly number[] | string | readonly string[] | Uint8Array | null;

export interface FdtNode {
  readonly name: string;
  readonly properties: ReadonlyMap<string, FdtValue>;
  readonly children: readonly FdtNode[];
}

export class FdtError extends Error {
  constructor(reason: string) {
    super(`not a device tree: ${reason}`);
    this.name = 'FdtError';
  }
}

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const OLDEST_COMPATIBLE = 16;
const HEADER_BYTES = 40;
/** One terminating entry: no memory is reserved. */
const RESERVATIONS_BYTES = 16;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const NOP = 4;
const END = 9;
/** Deeper than any machine's tree; a hostile blob must not exhaust the stack. */
const MAX_DEPTH = 32;

export function fdtNode(
  name: string,
  properties: Readonly<Record<string, FdtValue>>,
  children: readonly FdtNode[] = [],
): FdtNode {
  return { name, properties: new Map(Object.entries(properties)), children };
}

export function encodeFdt(root: FdtNode): Uint8Array {
  const structure = new Writer();
  const names = new Writer();
  const nameOffsets = new Map<string, number>();
  const nameOffset = (name: string) => {
    const offset = nameOffsets.get(name) ?? names.length;
    if (!nameOffsets.has(name)) names.text(name);
    nameOffsets.set(name, offset);
    return offset;
  };
  const encodeNode = (node: FdtNode) => {
    structure.word(BEGIN_NODE);
    structure.text(node.name);
    structure.align();
    for (const [name, value] of node.properties) encodeProperty(structure, nameOffset(name), value);
    node.children.forEach(encodeNode);
    structure.word(END_NODE);
  };
  encodeNode(root);
  structure.word(END);
  const structureAt = HEADER_BYTES + RESERVATIONS_BYTES;
  const namesAt = structureAt + structure.length;
  const header = new Writer();
  for (const word of [MAGIC, namesAt + names.length, structureAt, namesAt, HEADER_BYTES, VERSION])
    header.word(word);
  for (const word of [OLDEST_COMPATIBLE, 0, names.length, structure.length]) header.word(word);
  return Buffer.concat([header.bytes, Buffer.alloc(RESERVATIONS_BYTES), structure.bytes, names.bytes]);
}

function encodeProperty(structure: Writer, nameOffset: number, value: FdtValue): void {
  structure.word(PROPERTY);
  const lengthAt = structure.length;
  structure.word(0);
  structure.word(nameOffset);
  const start = structure.length;
  structure.value(value);
  structure.bytes.writeUInt32BE(structure.length - start, lengthAt);
  structure.align();
}

/** Bytes that grow. (A buffer for each word takes a guest that waits for its machine a millisecond.) */
class Writer {
  #bytes = Buffer.alloc(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  word(value: number): void {
    const at = this.#take(4);
    this.#bytes.writeUInt32BE(value >>> 0, at);
  }

  /** With its end. */
  text(text: string): void {
    const at = this.#take(Buffer.byteLength(text) + 1);
    this.#bytes.write(text, at);
  }

  value(value: FdtValue): void {
    if (value === null) return;
    if (typeof value === 'string') {
      this.text(value);
    } else if (value instanceof Uint8Array) {
      const at = this.#take(value.length);
      this.#bytes.set(value, at);
    } else {
      for (const item of value) typeof item === 'string' ? this.text(item) : this.word(item);
    }
  }

  align(): void {
    this.#take(align(this.#length) - this.#length);
  }

  #take(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.alloc(2 * this.#length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Values come back as raw bytes: the blob does not say what they are. */
export function decodeFdt(blob: Uint8Array): FdtNode {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) throw new FdtError('wrong magic');
  const [total, structureAt, namesAt] = [4, 8, 12].map((at) => bytes.readUInt32BE(at)) as [
    number,
    number,
    number,
  ];
  if (total > bytes.length) throw new FdtError(`it is cut off: ${bytes.length} of ${total} bytes`);
  if (bytes.readUInt32BE(24) > VERSION) throw new FdtError('its version is too new');
  return new Decoder(bytes.subarray(0, total), structureAt, namesAt).root();
}

class Decoder {
  readonly #bytes: Buffer;
  readonly #namesAt: number;
  #at: number;

  constructor(bytes: Buffer, structureAt: number, namesAt: number) {
    this.#bytes = bytes;
    this.#at = structureAt;
    this.#namesAt = namesAt;
  }

  root(): FdtNode {
    if (this.#token() !== BEGIN_NODE) throw new FdtError('it does not start with a node');
    return this.#node(0);
  }

  #node(depth: number): FdtNode {
    if (depth > MAX_DEPTH) throw new FdtError(`nodes are more than ${MAX_DEPTH} deep`);
    const name = this.#text(this.#at);
    this.#at = align(this.#at + Buffer.byteLength(name) + 1);
    const properties = new Map<string, FdtValue>();
    const children: FdtNode[] = [];
    for (;;) {
      const token = this.#token();
      if (token === END_NODE) return { name, properties, children };
      if (token === BEGIN_NODE) children.push(this.#node(depth + 1));
      else if (token === PROPERTY) this.#property(properties);
      else throw new FdtError(`unexpected token ${token}`);
    }
  }

  #property(properties: Map<string, FdtValue>): void {
    const length = this.#word();
    const name = this.#text(this.#namesAt + this.#word());
    if (length > this.#bytes.length - this.#at) throw new FdtError(`property '${name}' is cut off`);
    properties.set(name, new Uint8Array(this.#bytes.subarray(this.#at, this.#at + length)));
    this.#at = align(this.#at + length);
  }

  #token(): number {
    let token = this.#word();
    while (token === NOP) token = this.#word();
    return token;
  }

  #word(): number {
    if (this.#at < 0 || this.#at + 4 > this.#bytes.length) throw new FdtError('its structure is cut off');
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  #text(at: number): string {
    const end = at < this.#bytes.length ? this.#bytes.indexOf(0, at) : -1;
    if (end < 0) throw new FdtError('a name is cut off');
    return this.#bytes.toString('latin1', at, end);
  }
}

function align(offset: number): number {
  return (offset + 3) & ~3;
}
