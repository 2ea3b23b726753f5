/** A QMP client that sends descriptors along. Strict about replies; every wait has a deadline. */
import { closeFd, connectUnix, receiveMessage, sendMessage } from '../../../native/index.js';
import { isGreeting, isReply, parseServerMessage, type QmpReply } from '../../../vmm/qmp/protocol.js';
import { waitFor } from '../../helpers/wait.js';

const CHUNK_BYTES = 64 * 1024;

export class RawClient {
  readonly #fd: number;
  #text = '';
  readonly #replies: QmpReply[] = [];
  #isGreeted = false;
  #isOpen = true;
  hasEnded = false;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Connects and negotiates. */
  static async ready(path: string): Promise<RawClient> {
    const fd = await waitFor(() => tryConnect(path), { what: `a listener on ${path}` });
    const client = new RawClient(fd);
    await waitFor(() => client.#poll() || client.#isGreeted, { what: 'a greeting' });
    await client.ask('qmp_capabilities');
    return client;
  }

  /** The descriptors stay the caller's. */
  send(text: string, fds: readonly number[] = []): void {
    sendMessage(this.#fd, Buffer.from(text), fds);
  }

  sendCommand(execute: string, args: object = {}, fds: readonly number[] = []): void {
    this.send(`${JSON.stringify({ execute, arguments: args })}\n`, fds);
  }

  ask(execute: string, args: object = {}, fds: readonly number[] = []): Promise<QmpReply> {
    this.sendCommand(execute, args, fds);
    return this.reply();
  }

  async execute<T = unknown>(execute: string, args: object = {}, fds: readonly number[] = []): Promise<T> {
    const reply = await this.ask(execute, args, fds);
    if ('error' in reply) throw new Error(`${execute}: ${reply.error.desc}`);
    return reply.return as T;
  }

  async refusal(execute: string, args: object = {}, fds: readonly number[] = []): Promise<string> {
    const reply = await this.ask(execute, args, fds);
    if ('return' in reply) throw new Error(`expected ${execute} to be refused`);
    return reply.error.desc;
  }

  reply(): Promise<QmpReply> {
    return waitFor(() => this.#poll() || this.#replies.shift(), { what: 'a reply' });
  }

  close(): void {
    if (this.#isOpen) closeFd(this.#fd);
    this.#isOpen = false;
  }

  /** Takes what has come; always false, for conditions. */
  #poll(): false {
    if (this.hasEnded) return false;
    for (let message = receiveMessage(this.#fd, CHUNK_BYTES, 0); message !== null; ) {
      if (message.data.length === 0) {
        this.hasEnded = true;
        return false;
      }
      this.#text += Buffer.from(message.data).toString('latin1');
      message = receiveMessage(this.#fd, CHUNK_BYTES, 0);
    }
    for (let end = this.#text.indexOf('\r\n'); end >= 0; end = this.#text.indexOf('\r\n')) {
      const message = parseServerMessage(this.#text.slice(0, end));
      if (isGreeting(message)) this.#isGreeted = true;
      else if (isReply(message)) this.#replies.push(message);
      this.#text = this.#text.slice(end + 2);
    }
    return false;
  }
}

function tryConnect(path: string): number | null {
  try {
    return connectUnix(path);
  } catch {
    return null;
  }
}
