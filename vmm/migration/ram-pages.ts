/**
 * The contents of RAM inside section 'ram', a page at a time, in any order, each at least once:
 *
 *     u64 offset | 0x02 zero page | 0x20 of the same block    u8 0
 *     u64 offset | 0x08 page      | 0x20 of the same block    4096 bytes
 *
 * The first page of a block has no 0x20 and has the block's name (u8 length + name) after its first word.
 */
import {
  PAGE_BYTES,
  RAM_FLAG_CONTINUE,
  RAM_FLAG_END,
  RAM_FLAG_PAGE,
  RAM_FLAG_ZERO,
  type StreamSubject,
} from './stream-format.js';

/** Pages that are encoded at once. */
const BATCH_PAGES = 256;
const WORD_BYTES = 8;
const FLAGS = BigInt(PAGE_BYTES - 1);
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

export interface PageCounts {
  zero: number;
  normal: number;
}

/** Encodes all of RAM, counting as it goes; every chunk is a fresh buffer. */
export function* encodePages(name: string, ram: Uint8Array, counts: PageCounts): Generator<Uint8Array> {
  const label = Buffer.from(name);
  const memory = Buffer.from(ram.buffer, ram.byteOffset, ram.length);
  for (let from = 0; from < ram.length; from += BATCH_PAGES * PAGE_BYTES) {
    const until = Math.min(ram.length, from + BATCH_PAGES * PAGE_BYTES);
    const chunk = Buffer.allocUnsafeSlow(1 + label.length + BATCH_PAGES * (WORD_BYTES + PAGE_BYTES));
    let at = 0;
    for (let page = from; page < until; page += PAGE_BYTES) {
      const isZero = ZERO_PAGE.compare(memory, page, page + PAGE_BYTES) === 0;
      const flags = (isZero ? RAM_FLAG_ZERO : RAM_FLAG_PAGE) | (page === 0 ? 0n : RAM_FLAG_CONTINUE);
      at = chunk.writeBigUInt64BE(BigInt(page) | flags, at);
      if (page === 0) {
        at = chunk.writeUInt8(label.length, at);
        at += label.copy(chunk, at);
      }
      if (isZero) at = chunk.writeUInt8(0, at);
      else at += memory.copy(chunk, at, page, page + PAGE_BYTES);
      if (isZero) counts.zero++;
      else counts.normal++;
    }
    yield chunk.subarray(0, at);
  }
}

/** What is wrong with a page, `offset` bytes into what was given. */
export interface PageComplaint {
  readonly reason: string;
  readonly offset: number;
}

/** Takes pages out of a stream, in pieces of any size, into RAM. */
export class PageReader {
  readonly #label: Buffer;
  readonly #ram: Buffer | null;
  readonly #sizeBytes: number;
  readonly #seen: Uint8Array;
  #isNamed = false;
  #seenCount = 0;

  /** `contents` is where pages go; null: there must be none, because RAM has come another way. */
  constructor({ ram }: StreamSubject, contents: Uint8Array | null) {
    this.#label = Buffer.from(ram.name);
    this.#ram = contents && Buffer.from(contents.buffer, contents.byteOffset, contents.length);
    this.#sizeBytes = ram.sizeBytes;
    this.#seen = new Uint8Array(contents === null ? 0 : Math.ceil(ram.sizeBytes / PAGE_BYTES));
  }

  /** How many different pages were read, and how many there are. */
  get pages(): { readonly seen: number; readonly all: number } {
    return { seen: this.#seenCount, all: Math.ceil(this.#sizeBytes / PAGE_BYTES) };
  }

  /**
   * Reads whole pages from the front of `bytes`. `used` bytes are done with; `isOver`: the next word is the
   * end of the pages.
   */
  read(bytes: Buffer): { used: number; isOver: boolean; complaint: PageComplaint | null } {
    let used = 0;
    while (bytes.length - used >= WORD_BYTES) {
      const word = bytes.readBigUInt64BE(used);
      if (word === RAM_FLAG_END) return { used, isOver: true, complaint: null };
      const taken = this.#readPage(bytes, used, word);
      if (typeof taken === 'string') {
        return { used, isOver: false, complaint: { reason: taken, offset: used } };
      }
      if (taken === 0) break;
      used += taken;
    }
    return { used, isOver: false, complaint: null };
  }

  /** Bytes of the page at `start`; 0: it is not all there; a sentence: it cannot be. */
  #readPage(bytes: Buffer, start: number, word: bigint): number | string {
    const flags = word & FLAGS;
    const isContinued = (flags & RAM_FLAG_CONTINUE) !== 0n;
    const kind = flags & ~RAM_FLAG_CONTINUE;
    if (kind !== RAM_FLAG_ZERO && kind !== RAM_FLAG_PAGE) {
      return `expected a page or the end of RAM, got flags 0x${flags.toString(16)}`;
    }
    if (this.#ram === null) return 'expected no contents: RAM has come by its descriptor or its file';
    if (isContinued && !this.#isNamed) return 'expected the name of the block before its first page';
    const nameBytes = isContinued ? 0 : 1 + this.#label.length;
    const contents = start + WORD_BYTES + nameBytes;
    const end = contents + (kind === RAM_FLAG_ZERO ? 1 : PAGE_BYTES);
    if (!isContinued && bytes.length > start + WORD_BYTES && !this.#isOurBlock(bytes, start + WORD_BYTES)) {
      return `unknown RAM block, here it is '${this.#label.toString()}'`;
    }
    if (bytes.length < end) return 0;
    const offset = Number(word & ~FLAGS);
    if (offset + PAGE_BYTES > this.#sizeBytes)
      return `page 0x${offset.toString(16)} is beyond the end of RAM`;
    if (kind === RAM_FLAG_ZERO && bytes[contents] !== 0) return 'expected a page of zeros';
    this.#isNamed = true;
    this.#store(this.#ram, offset, kind === RAM_FLAG_ZERO ? ZERO_PAGE : bytes.subarray(contents, end));
    return end - start;
  }

  #isOurBlock(bytes: Buffer, at: number): boolean {
    const given = bytes.subarray(at + 1, at + 1 + this.#label.length);
    return bytes[at] === this.#label.length && this.#label.subarray(0, given.length).equals(given);
  }

  /** Zero pages of fresh memory are not touched, so that they take none. */
  #store(ram: Buffer, offset: number, page: Buffer): void {
    if (this.#seen[offset / PAGE_BYTES] === 0) this.#seenCount++;
    this.#seen[offset / PAGE_BYTES] = 1;
    if (page !== ZERO_PAGE || page.compare(ram, offset, offset + PAGE_BYTES) !== 0) page.copy(ram, offset);
  }
}
