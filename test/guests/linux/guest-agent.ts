/** Talks to the QEMU guest agent in a guest over the socket of its port: one JSON object a line, each way. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { within } from '../../helpers/wait.js';

const REPLY_DEADLINE_MS = 30_000;

export class GuestAgent {
  readonly #socket: Socket;
  #text = '';
  #line: (line: string) => void = () => {};
  #end: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end());
    socket.on('data', (text: string) => {
      this.#text += text;
      for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        this.#line(line);
      }
    });
  }

  /** Connects, and drops what an earlier talk may have left unread. */
  static async open(path: string): Promise<GuestAgent> {
    const socket = createConnection(path);
    await once(socket, 'connect');
    const agent = new GuestAgent(socket);
    const id = Math.floor(Math.random() * 2 ** 31);
    await agent.#exchange('guest-sync', { id }, (answer) => answer.return === id);
    return agent;
  }

  /** What the agent returned; throws what it answered instead. */
  async execute(name: string, args: object = {}): Promise<unknown> {
    const answer = await this.#exchange(name, args, () => true);
    if (!('return' in answer)) throw new Error(`expected ${name} to succeed, got ${JSON.stringify(answer)}`);
    return answer.return;
  }

  /** Sends what has no answer, such as a shutdown. */
  send(name: string, args: object = {}): void {
    this.#socket.write(`${JSON.stringify({ execute: name, arguments: args })}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #exchange(
    name: string,
    args: object,
    isAnswer: (answer: Record<string, unknown>) => boolean,
  ): Promise<Record<string, unknown>> {
    const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#end = () => reject(new Error(`expected an answer to ${name}, got the end`));
      this.#line = (line) => {
        const value = JSON.parse(line) as Record<string, unknown>;
        if (isAnswer(value)) resolve(value);
      };
    });
    this.send(name, args);
    return within(answer, REPLY_DEADLINE_MS, `an answer to ${name}`);
  }
}
