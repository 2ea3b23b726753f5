/**
 * One person at the human monitor, on a byte stream: banner, prompt, line editing, one command at a time. What is
 * typed while a command runs waits, to a bound. A peer that does not read is dropped before it fills memory.
 */
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { MonitorContext } from '../qmp/command.js';
import { VERSION_INFO } from '../version.js';
import { completions, executeLine } from './execute.js';
import { LineEditor } from './line-editor.js';

export interface HmpSessionOptions {
  /** What commands act on; they wait until it is there. */
  readonly context: Promise<MonitorContext>;
}

const PROMPT = '(qemu) ';
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** Serves until the stream closes; resolves then. */
export function serveHmp(stream: Duplex, options: HmpSessionOptions): Promise<void> {
  return new Promise((resolve) => {
    const session = new HmpSession(stream, options);
    stream.on('data', (chunk: Buffer) => session.receive(chunk));
    stream.on('end', () => session.finish());
    stream.on('error', () => stream.destroy());
    stream.on('close', () => resolve());
    session.greet();
    stream.resume();
  });
}

class HmpSession {
  readonly #stream: Duplex;
  readonly #context: Promise<MonitorContext>;
  readonly #editor: LineEditor;
  readonly #waiting: string[] = [];
  #isBusy = false;
  #isFinishing = false;

  constructor(stream: Duplex, { context }: HmpSessionOptions) {
    this.#stream = stream;
    this.#context = context;
    this.#editor = new LineEditor({
      output: (text) => this.#write(text),
      line: (line) => {
        this.#isBusy = true;
        void this.#run(line);
      },
      complete: completions,
    });
  }

  greet(): void {
    const { major, minor, micro } = VERSION_INFO.qemu;
    this.#write(`QEMU ${major}.${minor}.${micro} monitor - type 'help' for more information\r\n${PROMPT}`);
  }

  /** Key by key, for a line that ends in the middle starts a command. */
  receive(chunk: Buffer): void {
    this.#waiting.push(...chunk.toString('latin1'));
    this.#stream.pause();
    this.#work();
  }

  /** Nothing more is typed: what was is done, then the end. */
  finish(): void {
    this.#isFinishing = true;
    this.#work();
  }

  #work(): void {
    while (!this.#isBusy && this.#waiting.length > 0) this.#editor.feed(this.#waiting.shift() as string);
    if (this.#isBusy) return;
    if (this.#isFinishing) this.#stream.end();
    else this.#stream.resume();
  }

  /** Never rejects. */
  async #run(line: string): Promise<void> {
    this.#write((await executeLine(await this.#context, line)) + PROMPT);
    if (this.#waiting.length > 0) await turn(); // the guest's, who must not wait for all of them
    this.#isBusy = false;
    this.#work();
  }

  #write(text: string): void {
    if (!this.#stream.writable) return;
    this.#stream.write(text, 'latin1');
    if (this.#stream.writableLength > MAX_UNREAD_BYTES) this.#stream.destroy();
  }
}
