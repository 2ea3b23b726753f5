/**
 * A client of a guest's serial console that stays connected: it types numbered lines to a shell, which sends each back,
 * and expects them all, once, in order. What was typed is typed on when the last has come back.
 */
import { waitFor } from '../helpers/wait.js';
import { SocketConnection } from '../vmm/console-clients.js';

const START_DEADLINE_MS = 60_000;
/** The shell tells what it reads; the terminal does not, and a line of it has an end of its own kind. */
const ANSWERING = 'stty -echo; echo "answer""ing"; while read -r line; do echo "read $line"; done\n';
const BEGIN = 'answering\r\n';
const TYPE_AFTER_MS = 100;
const PROMPT = /# $/;
const LINE = 'a line of some length, that every byte of it may be seen to arrive';

export class ConsoleLines {
  readonly #connection: SocketConnection;
  #text = '';
  #isAnswering = false;
  #sent = 0;
  #received = 0;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(connection: SocketConnection) {
    this.#connection = connection;
    connection.onData = (bytes) => this.#take(bytes.toString('latin1'));
  }

  /** `path`: where the VMM listens. All that the guest prints is kept until `answer`. */
  static async open(path: string): Promise<ConsoleLines> {
    return new ConsoleLines(await SocketConnection.to(path));
  }

  /** Waits for the guest to print it. */
  async says(text: string | RegExp, deadlineMs: number): Promise<void> {
    const isThere = () => (typeof text === 'string' ? this.#text.includes(text) : text.test(this.#text));
    await waitFor(isThere, { deadlineMs, pollMs: 50, what: `the console to say ${text}` }).catch((error) => {
      throw new Error(`${error.message}, it said ${JSON.stringify(this.#text.slice(-500))}`);
    });
  }

  /** Begins to type to the shell that waits there. */
  async answer(): Promise<void> {
    // What is typed before the prompt may be flushed.
    await this.says(PROMPT, START_DEADLINE_MS);
    this.#connection.write(Buffer.from(ANSWERING));
    await this.says(BEGIN, START_DEADLINE_MS);
    this.#text = this.#text.slice(this.#text.indexOf(BEGIN) + BEGIN.length);
    this.#isAnswering = true;
    this.#type();
    await this.goesOn();
  }

  /** Lines that came back. */
  get received(): number {
    if (this.#connection.isEnded) throw new Error('expected the console to stay connected, it was closed');
    if (this.#failure !== undefined) throw this.#failure;
    return this.#received;
  }

  async goesOn(deadlineMs = 60_000): Promise<void> {
    const enough = this.received + 2;
    await waitFor(() => this.received >= enough, { deadlineMs, what: 'the console to answer' });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  #type(): void {
    this.#sent += 1;
    this.#connection.write(Buffer.from(`${this.#sent} ${LINE}\n`));
  }

  #take(text: string): void {
    this.#text += text;
    if (!this.#isAnswering) return;
    for (let end = this.#text.indexOf('\r\n'); end >= 0; end = this.#text.indexOf('\r\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      if (line !== `read ${this.#received + 1} ${LINE}`) {
        this.#failure ??= new Error(
          `expected line ${this.#received + 1} on the console, got ${JSON.stringify(line)}`,
        );
      }
      this.#received += 1;
      this.#timer = setTimeout(() => this.#type(), TYPE_AFTER_MS);
    }
  }
}
