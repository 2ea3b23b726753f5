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
  const words: Buffer[] = [];
  const strings = new Map<string, number>();
  let stringsLength = 0;
  const nameOffset = (name: string) => {
    const known = strings.get(name);
    if (known !== undefined) return known;
    const offset = stringsLength;
    strings.set(name, offset);
    stringsLength += Buffer.byteLength(name) + 1;
    return offset;
  };
  const encodeNode = (node: FdtNode) => {
    words.push(u32(BEGIN_NODE), padded(Buffer.from(`${node.name}\0`)));
    for (const [name, value] of node.properties) {
      const bytes = valueBytes(value);
      words.push(u32(PROPERTY), u32(bytes.length), u32(nameOffset(name)), padded(bytes));
    }
    node.children.forEach(encodeNode);
    words.push(u32(END_NODE));
  };
  encodeNode(root);
  words.push(u32(END));
  const structure = Buffer.concat(words);
  const names = Buffer.from([...strings.keys()].map((name) => `${name}\0`).join(''));
  const structureAt = HEADER_BYTES + RESERVATIONS_BYTES;
  const namesAt = structureAt + structure.length;
  const header = [MAGIC, namesAt + names.length, structureAt, namesAt, HEADER_BYTES, VERSION];
  header.push(OLDEST_COMPATIBLE, 0, names.length, structure.length);
  return Buffer.concat([...header.map(u32), Buffer.alloc(RESERVATIONS_BYTES), structure, names]);
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

function valueBytes(value: FdtValue): Buffer {
  if (value === null) return Buffer.alloc(0);
  if (typeof value === 'string') return Buffer.from(`${value}\0`);
  if (value instanceof Uint8Array) return Buffer.from(value);
  return Buffer.concat(
    value.map((item) => (typeof item === 'string' ? Buffer.from(`${item}\0`) : u32(item))),
  );
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  const padding = align(bytes.length) - bytes.length;
  return padding === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(padding)]);
}

function align(offset: number): number {
  return (offset + 3) & ~3;
}
