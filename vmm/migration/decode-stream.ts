/**
 * Reads the main channel of a migration as it arrives; its layout is in `stream-format.ts`. Total and bounded:
 * whatever the bytes are, the result is a checked head with the device sections cut out, or a `StreamError`;
 * pages go to RAM at once, everything else is at most `MAX_STREAM_BYTES`.
 */
import type { CarriedDescriptor } from '../carried.js';
import { isRunState, type RunState } from '../run-state.js';
import { decodeSections } from '../state/codec.js';
import { StreamCutShort, StreamError } from '../state/stream-error.js';
import * as wire from '../state/wire.js';
import { isLocalSection, LOCAL_DESCRIPTORS, readLocalSection } from './local-section.js';
import { PageReader } from './ram-pages.js';
import {
  CARRIED_STATES,
  GLOBAL_STATE,
  GLOBAL_STATE_BYTES,
  type GlobalState,
  RAM,
  type StreamSubject,
} from './stream-format.js';
import { readEndOfPages, readHead } from './stream-head.js';

/** Many times the state of any machine; a source that sends more beside RAM is refused. */
export const MAX_STREAM_BYTES = 64 * 1024 * 1024;
/** Up to here each chunk is looked at for the end of the stream; beyond, the source's end is waited for. */
const QUICK_END_BYTES = 1024 * 1024;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const QUOTE = 0x22;
const NOTHING = Buffer.alloc(0);

export interface Preamble {
  readonly wantsReturnPath: boolean;
  readonly stateBefore: RunState;
  /** Device sections: what `MachineHandle.load` takes. */
  readonly sections: Uint8Array;
  /** What came beside the stream, by its names. */
  readonly received: readonly CarriedDescriptor[];
}

export class StreamDecoder {
  readonly #subject: StreamSubject;
  readonly #pages: PageReader;
  readonly #carriesRam: boolean;
  #phase: 'head' | 'pages' | 'rest' = 'head';
  /** What was not understood yet; in `rest` in pieces, joined when they are looked at. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes before the pending ones. */
  #doneBytes = 0;
  #wantsReturnPath = false;

  /** `contents`: where the pages of RAM go; null when it has come another way and the stream has none. */
  constructor(subject: StreamSubject, contents: Uint8Array | null) {
    this.#subject = subject;
    this.#pages = new PageReader(subject, contents);
    this.#carriesRam = contents !== null;
  }

  /** The source has asked for an answer: known early, so that it can be told of an error. */
  get wantsReturnPath(): boolean {
    return this.#wantsReturnPath;
  }

  /** Takes the next bytes. Throws `StreamError` for what cannot become a stream. */
  push(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#phase === 'head') this.#takeHead();
    if (this.#phase === 'pages') this.#takePages();
    if (this.#pendingBytes > MAX_STREAM_BYTES) {
      throw this.#error('end', this.#pendingBytes, `the stream has more than ${MAX_STREAM_BYTES} bytes`);
    }
  }

  /** Whether this is a whole stream: nothing can follow the description. Not asked beyond some size. */
  isComplete(): boolean {
    if (this.#phase !== 'rest' || this.#pendingBytes > QUICK_END_BYTES) return false;
    return this.#pending.at(-1)?.at(-1) === CLOSING_BRACE && findEnd(this.#joined(), 0) !== null;
  }

  /** Decodes what has come: there is no more. `fds` came beside it. */
  finish(fds: readonly number[] = []): Preamble {
    const bytes = this.#joined();
    if (this.#phase !== 'rest') {
      const section = this.#phase === 'head' ? 'header' : RAM.name;
      const place = { section, field: null, offset: this.#doneBytes + bytes.length };
      throw new StreamCutShort(place, `the ${this.#phase} of the stream is not all there`);
    }
    const reader = new wire.WireReader(bytes, RAM.name, this.#doneBytes);
    const { seen, all } = this.#pages.pages;
    if (this.#carriesRam && seen < all) {
      throw reader.error(`${all - seen} of ${all} pages of RAM are missing: was it to come by descriptors?`);
    }
    readEndOfPages(reader);
    const received = this.#readLocal(bytes, reader, fds);
    reader.section = GLOBAL_STATE.name;
    const stateBefore = readGlobalState(reader);
    const sections = this.#cutSections(bytes, reader.offset);
    return { wantsReturnPath: this.#wantsReturnPath, stateBefore, sections, received };
  }

  #takeHead(): void {
    const bytes = this.#joined();
    const sizeBytes = readHead(bytes, this.#subject, () => {
      this.#wantsReturnPath = true;
    });
    if (sizeBytes === null) return;
    this.#drop(bytes, sizeBytes);
    this.#phase = 'pages';
  }

  #takePages(): void {
    const bytes = this.#joined();
    const { used, isOver, complaint } = this.#pages.read(bytes);
    if (complaint !== null) throw this.#error(RAM.name, complaint.offset, complaint.reason);
    this.#drop(bytes, used);
    if (isOver) this.#phase = 'rest';
  }

  /** Both sides must be of one mind: a backend that waits for what does not come would be opened a second time. */
  #readLocal(bytes: Buffer, reader: wire.WireReader, fds: readonly number[]): readonly CarriedDescriptor[] {
    const at = reader.offset;
    const isSent = isLocalSection(bytes, at);
    const { local = false } = this.#subject;
    if (local === isSent) return isSent ? readLocalSection(bytes, reader, fds) : [];
    const word = (on: boolean) => (on ? 'on' : 'off');
    reader.section = LOCAL_DESCRIPTORS.name;
    throw reader.error(`parameter local is ${word(local)} here, and ${word(!local)} at the source`, at);
  }

  #cutSections(bytes: Buffer, from: number): Uint8Array {
    const end = findEnd(bytes, from);
    if (end !== null) return bytes.subarray(from, end);
    const what = 'expected the end mark and the description of the sections: the stream is cut short';
    throw this.#error('end', bytes.length, what);
  }

  #error(section: string, offset: number, reason: string): StreamError {
    return new StreamError({ section, field: null, offset: this.#doneBytes + offset }, reason);
  }

  /** Usually the stream comes in one piece, which needs no copy. */
  #joined(): Buffer {
    if (this.#pending.length > 1) this.#pending = [Buffer.concat(this.#pending)];
    return this.#pending[0] ?? NOTHING;
  }

  #drop(bytes: Buffer, sizeBytes: number): void {
    this.#pending = [bytes.subarray(sizeBytes)];
    this.#pendingBytes -= sizeBytes;
    this.#doneBytes += sizeBytes;
  }
}

function readGlobalState(reader: wire.WireReader): RunState {
  const at = reader.offset;
  const bytes = reader.bytes(GLOBAL_STATE_BYTES);
  const state = decodeSections(bytes, [{ description: GLOBAL_STATE, instanceId: 0 }]).get(GLOBAL_STATE.name);
  const { size, runstate } = state as GlobalState;
  const name = Buffer.from(runstate.subarray(0, Math.max(0, size - 1))).toString('latin1');
  if (!isRunState(name) || !CARRIED_STATES.includes(name)) {
    throw reader.error(`expected the source's run state to be one of ${CARRIED_STATES.join(', ')}`, at);
  }
  return name;
}

/**
 * Where the end mark is, at or behind `from`. It is found from the back: JSON holds no NUL, so the
 * last NUL of the stream is in the description's length or is the end mark itself.
 */
function findEnd(bytes: Uint8Array, from: number): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lastNul = bytes.lastIndexOf(0);
  for (let lengthAt = lastNul - 3; lengthAt <= lastNul; lengthAt++) {
    const end = lengthAt - 2;
    if (end < from || lengthAt + 4 > bytes.length) continue;
    const isEnd = bytes[end] === wire.SECTION_EOF && bytes[end + 1] === wire.VM_DESCRIPTION;
    const isDescribed = bytes[lengthAt + 4] === OPENING_BRACE && bytes[lengthAt + 5] === QUOTE;
    if (isEnd && isDescribed && view.getUint32(lengthAt) === bytes.length - lengthAt - 4) return end;
  }
  return null;
}
