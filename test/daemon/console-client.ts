/**
 * A console session as any client would hold it: collects the bytes, counts them, and knows the position at which
 * to come back.
 */
import { WebSocket } from 'ws';
import { waitFor, within } from '../helpers/wait.js';

interface Message {
  readonly position?: string;
  readonly inputDropped?: number;
  readonly error?: { readonly code: string; readonly detail: string; readonly [member: string]: unknown };
}

export class ConsoleClient {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #chunks: Buffer[] = [];
  #generation = 0;
  #offset = 0;

  static async connect(socketPath: string, machine: string, query = ''): Promise<ConsoleClient> {
    const client = new ConsoleClient(`ws+unix:${socketPath}:/v1/machines/${machine}/console${query}`);
    const opened = new Promise((resolve, reject) => {
      client.socket.on('open', resolve);
      client.socket.on('error', reject);
    });
    await within(opened, 10_000, 'the console session to open');
    return client;
  }

  private constructor(url: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.#chunks.push(data);
        this.#offset += data.length;
      } else {
        this.#heard(JSON.parse(String(data)) as Message);
      }
    });
  }

  #heard(message: Message): void {
    this.messages.push(message);
    if (message.position === undefined) return;
    const [generation, offset] = message.position.split(':').map(Number);
    this.#generation = generation ?? 0;
    this.#offset = offset ?? 0;
  }

  /** Of the next byte. */
  get position(): string {
    return `${this.#generation}:${this.#offset}`;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Everything received so far. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  /** Received since the last time; for what is too much to keep. */
  take(): string {
    const text = this.text;
    this.#chunks.length = 0;
    return text;
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text, 'latin1'));
  }

  async sees(pattern: RegExp, deadlineMs = 20_000): Promise<void> {
    const shown = () => pattern.test(this.text.slice(-4096));
    await waitFor(shown, { deadlineMs, what: `the console to show ${pattern}` }).catch((error) => {
      const { text, messages } = this;
      throw new Error(`${error.message}, it shows ${JSON.stringify({ text: text.slice(-200), messages })}`);
    });
  }

  /** Resolves when the daemon has taken everything that was typed. */
  async heard(): Promise<void> {
    const answered = new Promise((resolve) => this.socket.once('pong', resolve));
    this.socket.ping();
    await within(answered, 10_000, 'the answer to a ping');
  }

  /** The problem that the daemon told before it closed. */
  async refusal(): Promise<{ code: number; error: NonNullable<Message['error']> }> {
    const { code } = await within(this.closed, 20_000, 'the session to be closed');
    const error = this.messages.at(-1)?.error;
    if (error === undefined)
      throw new Error(`expected a problem before the close, got ${JSON.stringify(this.messages)}`);
    return { code, error };
  }

  close(): void {
    this.socket.terminate();
  }
}
