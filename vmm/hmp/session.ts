/**
 * One person at the human monitor: banner, prompt, line editing, one command at a time. What is
 * typed while a command runs waits, to a bound. A peer that does not read is dropped before it fills memory.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { CommandDescriptors, type NamedDescriptors } from '../descriptors/monitor-descriptors.js';
import type { SharedContext } from '../qmp/command.js';
import type { MonitorClient } from '../qmp/monitor-client.js';
import { SentQueue } from '../qmp/sent-descriptors.js';
import { VERSION_INFO } from '../version.js';
import { completions, executeLine } from './execute.js';
import { LineEditor } from './line-editor.js';

export interface HmpSessionOptions {
  /** What commands act on; they wait until it is there. */
  readonly context: Promise<SharedContext>;
  /** Those of the monitor. */
  readonly names: NamedDescriptors;
}

const PROMPT = '(qemu) ';
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** Serves until the client has gone; resolves then. */
export function serveHmp(client: MonitorClient, options: HmpSessionOptions): Promise<void> {
  return new Promise((resolve) => {
    const session = new HmpSession(client, options);
    client.onDescriptors = (fds) => session.arrive(fds);
    client.onData = (bytes) => session.receive(bytes);
    client.onEnd = () => session.finish();
    client.onClose = () => {
      session.close();
      resolve();
    };
    session.greet();
    client.setReading(true);
  });
}

class HmpSession {
  readonly #client: MonitorClient;
  readonly #context: Promise<SharedContext>;
  readonly #names: NamedDescriptors;
  readonly #sent = new SentQueue();
  readonly #editor: LineEditor;
  readonly #waiting: string[] = [];
  #isBusy = false;
  #isFinishing = false;
  #isClosed = false;

  constructor(client: MonitorClient, { context, names }: HmpSessionOptions) {
    this.#client = client;
    this.#context = context;
    this.#names = names;
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

  arrive(fds: readonly number[]): void {
    this.#sent.arrive(fds);
  }

  close(): void {
    this.#isClosed = true;
    this.#sent.close();
  }

  /** Key by key, for a line that ends in the middle starts a command. */
  receive(chunk: Buffer): void {
    this.#waiting.push(...chunk.toString('latin1'));
    this.#client.setReading(false);
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
    if (this.#isFinishing) this.#client.closeWhenSent();
    else this.#client.setReading(true);
  }

  /** Never rejects. */
  async #run(line: string): Promise<void> {
    const sent = this.#sent.forCommand();
    const descriptors = new CommandDescriptors(this.#names, sent);
    this.#write((await executeLine({ ...(await this.#context), descriptors }, line)) + PROMPT);
    this.#sent.giveBack(sent, undefined);
    if (this.#waiting.length > 0) await turn(); // the guest's, who must not wait for all of them
    if (this.#isClosed) this.#sent.close();
    this.#isBusy = false;
    this.#work();
  }

  #write(text: string): void {
    if (this.#isClosed) return;
    this.#client.write(text);
    if (this.#client.unsentBytes > MAX_UNREAD_BYTES) this.#client.destroy();
  }
}
