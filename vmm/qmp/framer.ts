/**
 * Cuts what a client sends into JSON values. QMP has no message separator: values may follow each other
 * directly or spread over lines. A value ends where its braces close. Strings may be in single quotes, which people
 * type in shells.
 *
 * Bounded and total: a value has at most `MAX_MESSAGE_BYTES` and `MAX_NESTING` levels. What cannot be a
 * value is reported once and dropped up to the end of its line, so that the next line is read normally.
 */
import { QmpProtocolError } from './protocol.js';

export const MAX_MESSAGE_BYTES = 1024 * 1024;
export const MAX_NESTING = 1024;

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** `between` values; in a bare `word` (a number, a name, rubbish); in a `value`; in a `string`; `skip`ping. */
type Mode = 'between' | 'word' | 'value' | 'string' | 'skip';

export interface FramerEvents {
  value(value: unknown): void;
  error(error: QmpProtocolError): void;
}

export class Framer {
  readonly #events: FramerEvents;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #parts: Buffer[] = [];
  #length = 0;
  #mode: Mode = 'between';
  #depth = 0;
  #escaped = false;
  /** What ends the string. */
  #quote = QUOTE;

  constructor(events: FramerEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#mode === 'skip') {
        if (byte === NEWLINE) this.#mode = 'between';
        continue;
      }
      if (this.#mode === 'word' && (isSpace(byte) || isOpening(byte)))
        this.#finish(chunk.subarray(start, at));
      if (this.#mode === 'between') {
        if (isSpace(byte)) continue;
        this.#mode = 'word';
        start = at;
      }
      if (this.#step(byte)) this.#finish(chunk.subarray(start, at + 1));
      else if (this.#length + at - start >= MAX_MESSAGE_BYTES) {
        this.#refuse(`JSON message size limit exceeded: at most ${MAX_MESSAGE_BYTES} bytes`, byte);
      }
    }
    if (this.#mode !== 'between' && this.#mode !== 'skip') this.#keep(chunk.subarray(start));
  }

  /** Takes the next byte of a value; true when the value ends with it. */
  #step(byte: number): boolean {
    if (this.#mode === 'string') return this.#stepString(byte);
    if (byte === QUOTE || byte === SINGLE_QUOTE) {
      this.#mode = 'string';
      this.#quote = byte;
    } else if (isOpening(byte)) {
      this.#mode = 'value';
      this.#depth++;
      if (this.#depth > MAX_NESTING) {
        this.#refuse(`JSON nesting depth limit exceeded: at most ${MAX_NESTING}`, byte);
      }
    } else if (isClosing(byte) && this.#depth > 0) {
      this.#depth--;
      return this.#depth === 0;
    }
    return false;
  }

  #stepString(byte: number): boolean {
    if (byte < SPACE) {
      this.#refuse('JSON parse error, control character in string', byte);
    } else if (this.#escaped) {
      this.#escaped = false;
    } else if (byte === BACKSLASH) {
      this.#escaped = true;
    } else if (byte === this.#quote) {
      this.#mode = this.#depth > 0 ? 'value' : 'word';
      return this.#depth === 0;
    }
    return false;
  }

  #keep(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  #reset(mode: Mode): void {
    this.#parts = [];
    this.#length = 0;
    this.#depth = 0;
    this.#escaped = false;
    this.#mode = mode;
  }

  /** Reports and drops the rest of the line, which `byte` may be the end of. */
  #refuse(reason: string, byte: number): void {
    this.#reset(byte === NEWLINE ? 'between' : 'skip');
    this.#events.error(new QmpProtocolError(reason));
  }

  #finish(last: Buffer): void {
    const bytes = Buffer.concat([...this.#parts, last]);
    this.#reset('between');
    let value: unknown;
    try {
      const text = this.#decoder.decode(bytes);
      value = JSON.parse(bytes.includes(SINGLE_QUOTE) ? withDoubleQuotes(text) : text);
    } catch (cause) {
      const reason = cause instanceof SyntaxError ? cause.message : 'invalid UTF-8';
      this.#events.error(new QmpProtocolError(`JSON parse error, ${reason}`));
      return;
    }
    this.#events.value(value);
  }
}

/** The same value with all strings in double quotes, as JSON wants them. */
function withDoubleQuotes(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gs, (string) => {
    const inside = string.slice(1, -1).replaceAll("\\'", "'");
    return string.startsWith('"') ? `"${inside}"` : `"${inside.replace(/\\.|"/gs, escapeQuote)}"`;
  });
}

function escapeQuote(found: string): string {
  return found === '"' ? '\\"' : found;
}

function isOpening(byte: number): boolean {
  return byte === 0x7b || byte === 0x5b;
}

function isClosing(byte: number): boolean {
  return byte === 0x7d || byte === 0x5d;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === 0x0d || byte === 0x09;
}
