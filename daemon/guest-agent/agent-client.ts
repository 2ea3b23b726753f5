/**
 * A connection to the guest agent of one machine, for a few requests, one at a time. Opened when it is needed and
 * closed after: a VMM serves one client, a connection does not outlive the VMM, and an agent that nobody asks cannot
 * keep the daemon busy. Every request has a deadline; after one that was not answered in time the two find one another
 * again before the next (`guest-sync-delimited`). The guest is hostile: whatever it sends ends in an answer or in one
 * of the errors of `agent-errors.ts`.
 */
import { randomInt } from 'node:crypto';
import { connect as connectSocket, type Socket } from 'node:net';
import { isRecord } from '../../vmm/qmp/protocol.js';
import { DeadlineError, type Wait, within } from '../instance/deadline.js';
import { AgentGarbled, AgentRefused, AgentSilent } from './agent-errors.js';
import { AgentMessages, SENTINEL } from './agent-messages.js';
import { textFrom } from './guest-words.js';

/** An agent that waits for us answers in milliseconds, a guest whose processor is emulated in tens of them. */
const ANSWER_DEADLINE_MS = 2_000;
const MAX_SYNC_ID = 2 ** 31;

export interface ConnectOptions {
  /** How long it may take to answer where nothing else is said. */
  readonly answerMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AskOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
}

type Answer = Readonly<Record<string, unknown>>;

interface Pending {
  /** False: not the answer that is waited for. */
  take(answer: Answer): boolean;
  reject(error: Error): void;
}

export class AgentClient {
  readonly #socket: Socket;
  readonly #answerMs: number;
  readonly #messages = new AgentMessages();
  #pending: Pending | null = null;
  #isInSync = false;
  #endCause: Error | null = null;

  /** Resolves when the agent has answered. Rejects with the reason of the signal, or with one of the errors. */
  static async connect(path: string, options: ConnectOptions = {}): Promise<AgentClient> {
    const { answerMs = ANSWER_DEADLINE_MS, signal } = options;
    const client = new AgentClient(connectSocket(path), answerMs);
    try {
      await client.#sync(signal);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  private constructor(socket: Socket, answerMs: number) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (cause) => {
      this.#end(new AgentSilent(`the port of the guest agent cannot be used: ${cause.message}`, { cause }));
    });
    socket.on('close', () => this.#end(new AgentSilent('the VMM closed the port of the guest agent')));
  }

  /** What the agent returned: of any type, and not to be trusted. */
  async ask(command: string, args: object = {}, options: AskOptions = {}): Promise<unknown> {
    const { deadlineMs = this.#answerMs, signal } = options;
    if (!this.#isInSync) await this.#sync(signal);
    const request = Buffer.from(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const wait = { deadlineMs, what: `the guest agent to answer ${command}`, signal };
    const { error, ...answer } = await this.#exchange(request, () => true, wait);
    if (error !== undefined) throw refusal(command, error);
    if (!('return' in answer)) throw this.#end(new AgentGarbled('an answer without return or error'));
    return answer.return;
  }

  close(): void {
    this.#end(new AgentSilent('the daemon closed the port of the guest agent'));
  }

  /** Whatever was on its way belongs to nobody any more. */
  async #sync(signal: AbortSignal | undefined): Promise<void> {
    const id = randomInt(MAX_SYNC_ID);
    this.#messages.skip();
    const question = { execute: 'guest-sync-delimited', arguments: { id } };
    const request = Buffer.concat([Buffer.of(SENTINEL), Buffer.from(`${JSON.stringify(question)}\n`)]);
    const isOurs = (answer: Answer) => {
      if (answer.return === id) return true;
      this.#messages.skip();
      return false;
    };
    const wait = { deadlineMs: this.#answerMs, what: 'the guest agent to answer', signal };
    await this.#exchange(request, isOurs, wait);
  }

  async #exchange(request: Buffer, isAnswer: (answer: Answer) => boolean, wait: Wait): Promise<Answer> {
    if (this.#endCause !== null) throw this.#endCause;
    if (this.#pending !== null) throw new Error('expected one request to the guest agent at a time');
    this.#isInSync = false;
    const answered = new Promise<Answer>((resolve, reject) => {
      const take = (answer: Answer) => {
        const isOurs = isAnswer(answer);
        if (isOurs) resolve(answer);
        return isOurs;
      };
      this.#pending = { take, reject };
    });
    this.#socket.write(request);
    try {
      const answer = await within(answered, wait);
      this.#isInSync = true;
      return answer;
    } catch (error) {
      const isLate = error instanceof DeadlineError && error !== wait.signal?.reason;
      throw isLate ? new AgentSilent(error.message, { cause: error }) : error;
    } finally {
      this.#pending = null;
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#endCause !== null) return;
    try {
      for (const line of this.#messages.push(chunk)) this.#take(line);
    } catch (error) {
      if (!(error instanceof AgentGarbled)) throw error;
      this.#end(error);
    }
  }

  /** What nobody waits for is an answer that came too late. */
  #take(line: string): void {
    if (this.#pending === null) return;
    const isTaken = this.#pending.take(parse(line));
    if (isTaken) this.#pending = null;
  }

  #end(cause: Error): Error {
    if (this.#endCause !== null) return this.#endCause;
    this.#endCause = cause;
    this.#socket.destroy();
    this.#pending?.reject(cause);
    return cause;
  }
}

function parse(line: string): Answer {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    answer = null;
  }
  if (isRecord(answer)) return answer;
  throw new AgentGarbled('a line that is no JSON object');
}

function refusal(command: string, error: unknown): AgentRefused {
  const { class: errorClass, desc } = isRecord(error) ? error : {};
  return new AgentRefused(
    command,
    textFrom(errorClass) ?? 'GenericError',
    textFrom(desc) ?? 'it does not say why',
  );
}

/** Connects, does the work, and closes the connection. */
export async function withAgent<T>(
  path: string,
  options: ConnectOptions,
  work: (agent: AgentClient) => Promise<T>,
): Promise<T> {
  const agent = await AgentClient.connect(path, options);
  try {
    return await work(agent);
  } finally {
    agent.close();
  }
}
