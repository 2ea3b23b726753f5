/**
 * Bytes from a guest agent → lines. A byte 0xff is never a part of JSON: it begins an answer that all before it does
 * not belong to. Treats the guest as hostile: a line has a limit, and so has all that is read on one connection.
 */
import { AgentGarbled } from './agent-errors.js';

/** What a guest with hundreds of network interfaces has to say is a tenth of it. */
const MAX_LINE_BYTES = 256 * 1024;
const MAX_SESSION_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
export const SENTINEL = 0xff;

export class AgentMessages {
  #chunks: Buffer[] = [];
  #pendingBytes = 0;
  #sessionBytes = 0;
  #isSkipping = true;

  /** Everything up to the next sentinel is left over from before. */
  skip(): void {
    this.#isSkipping = true;
    this.#forget();
  }

  /** The lines that `chunk` completes, without their ends; empty ones are left out. */
  push(chunk: Buffer): string[] {
    this.#sessionBytes += chunk.length;
    if (this.#sessionBytes > MAX_SESSION_BYTES) {
      throw new AgentGarbled(`more than ${MAX_SESSION_BYTES} bytes`);
    }
    const sentinel = chunk.lastIndexOf(SENTINEL);
    if (sentinel >= 0) {
      this.#isSkipping = false;
      this.#forget();
    }
    return this.#isSkipping ? [] : this.#split(chunk.subarray(sentinel + 1));
  }

  #split(bytes: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#add(bytes.subarray(from, end));
      const line = Buffer.concat(this.#chunks).toString('utf8').trim();
      this.#forget();
      if (line !== '') lines.push(line);
      from = end + 1;
    }
    this.#add(bytes.subarray(from));
    return lines;
  }

  #add(piece: Buffer): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > MAX_LINE_BYTES)
      throw new AgentGarbled(`a line of more than ${MAX_LINE_BYTES} bytes`);
    if (piece.length > 0) this.#chunks.push(piece);
  }

  #forget(): void {
    this.#chunks = [];
    this.#pendingBytes = 0;
  }
}
