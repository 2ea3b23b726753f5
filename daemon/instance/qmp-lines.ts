/** Bytes from a monitor → lines. Treats the VMM as hostile: a line has a limit. */
import { QmpProtocolError } from './qmp-errors.js';

/** The longest honest line is the answer to query-qmp-schema, about 400 KiB from today's QEMU. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

export class LineSplitter {
  #chunks: Buffer[] = [];
  #pendingBytes = 0;

  /** The lines that `chunk` completes, without their ends; empty ones are left out. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      const line = Buffer.concat(this.#chunks).toString('utf8').trim();
      this.#chunks = [];
      this.#pendingBytes = 0;
      if (line !== '') lines.push(line);
      from = end + 1;
    }
    this.#add(chunk.subarray(from));
    return lines;
  }

  #add(piece: Buffer): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > MAX_LINE_BYTES) {
      throw new QmpProtocolError(`a line of more than ${MAX_LINE_BYTES} bytes`);
    }
    if (piece.length > 0) this.#chunks.push(piece);
  }
}
