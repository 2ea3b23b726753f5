/**
 * What a target says to its source on the main connection: u16 type, u16 length, data.
 *
 *     1  the end: u32, 0 when everything was loaded
 *     2  answer to a ping: u32
 *     0xba70  why loading failed, text: ours; a source that does not know it fails, as it should
 */
import type { Duplex } from 'node:stream';
import { WireReader, WireWriter } from '../state/wire.js';

const TYPE_END = 1;
const TYPE_PONG = 2;
const TYPE_REASON = 0xba70;
const MAX_REASON_BYTES = 1024;

export const LOADED: Uint8Array = encode(TYPE_END, Uint8Array.of(0, 0, 0, 0));
export const PONG: Uint8Array = encode(TYPE_PONG, Uint8Array.of(0, 0, 0, 1));

/** The two messages that tell of a failure. */
export function encodeFailure(reason: string): Uint8Array {
  const text = Buffer.from(reason.replace(/[^\x20-\x7e]/g, '?')).subarray(0, MAX_REASON_BYTES);
  return Buffer.concat([encode(TYPE_REASON, text), encode(TYPE_END, Uint8Array.of(0, 0, 0, 1))]);
}

function encode(type: number, data: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  writer.u16(type);
  writer.u16(data.length);
  writer.bytes(data);
  return Uint8Array.from(writer.finish());
}

export type Verdict = { readonly loaded: true } | { readonly loaded: false; readonly reason: string };

/** Reads messages as they arrive. `push` gives the verdict once it is there; bad messages are one. */
export class ReturnPathReader {
  #pending: Buffer = Buffer.alloc(0);
  #reason: string | null = null;

  push(chunk: Uint8Array): Verdict | null {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 4) {
      const type = this.#pending.readUInt16BE(0);
      const sizeBytes = this.#pending.readUInt16BE(2);
      if (!isExpected(type, sizeBytes)) {
        return {
          loaded: false,
          reason: `the target sent an unknown message (type ${type}, ${sizeBytes} bytes)`,
        };
      }
      if (this.#pending.length < 4 + sizeBytes) return null;
      const verdict = this.#take(type, this.#pending.subarray(4, 4 + sizeBytes));
      if (verdict !== null) return verdict;
      this.#pending = this.#pending.subarray(4 + sizeBytes);
    }
    return null;
  }

  #take(type: number, data: Buffer): Verdict | null {
    if (type === TYPE_REASON) this.#reason = data.toString('latin1').replace(/[^\x20-\x7e]/g, '?');
    if (type !== TYPE_END) return null;
    const code = new WireReader(data, 'return path').u32();
    if (code === 0) return { loaded: true };
    const why = this.#reason ?? `it indicated error ${code}`;
    return { loaded: false, reason: `the target could not load the state: ${why}` };
  }
}

function isExpected(type: number, sizeBytes: number): boolean {
  if (type === TYPE_REASON) return sizeBytes <= MAX_REASON_BYTES;
  return (type === TYPE_END || type === TYPE_PONG) && sizeBytes === 4;
}

/**
 * Resolves when the target says that it has loaded everything; rejects when it says something else, or ends.
 * `sent` is the fate of the bytes on their way there.
 */
export function verdictOn(main: Duplex, sent: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new ReturnPathReader();
    main.on('data', (chunk: Buffer) => {
      const verdict = reader.push(chunk);
      if (verdict?.loaded === true) resolve();
      else if (verdict !== null) reject(new Error(verdict.reason));
    });
    main.on('end', () => {
      reject(new Error('the target closed the connection before it confirmed that it has loaded the state'));
    });
    main.on('close', () => reject(new Error('the connection to the target was closed')));
    sent.catch(reject);
  });
}
