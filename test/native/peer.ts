/** Another process that makes native calls on request (`fixtures/obey-stdin.ts`). Every wait has a deadline. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { within } from '../helpers/wait.js';

const DEADLINE_MS = 20_000;

export const PEER_SCRIPT = fileURLToPath(new URL('./fixtures/obey-stdin.js', import.meta.url));

export interface PeerError {
  readonly kind: string;
  readonly message: string;
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
}

interface Answer {
  readonly ready?: number;
  readonly value?: unknown;
  readonly error?: PeerError;
}

const running = new Set<Peer>();

/** For `after.each`: no peer outlives its test, passed or failed. */
export async function stopPeers(): Promise<void> {
  await Promise.all([...running].map((peer) => peer.stop()));
}

export class Peer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  #output = '';
  #ended = false;
  #wake = (): void => {};

  /** `prefix` is a command that ends by executing its arguments (`env …`, `sh -c …`). */
  static async start(prefix: readonly string[] = []): Promise<Peer> {
    const [command = '', ...args] = [...prefix, process.execPath, PEER_SCRIPT];
    const peer = new Peer(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    running.add(peer);
    await peer.#next();
    return peer;
  }

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      this.#output += chunk;
      this.#wake();
    });
    child.stdout.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    child.stdin.on('error', () => {}); // a peer that is gone shows as the end of its output
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The value that the call returned there. */
  async call<T = unknown>(name: string, ...args: readonly unknown[]): Promise<T> {
    const answer = await this.#ask(name, args);
    if (answer.error !== undefined) throw new Error(`${name} in the peer: ${answer.error.message}`);
    return answer.value as T;
  }

  /** The error that the call threw there. */
  async failure(name: string, ...args: readonly unknown[]): Promise<PeerError> {
    const answer = await this.#ask(name, args);
    if (answer.error === undefined)
      throw new Error(`expected ${name} to fail, got ${JSON.stringify(answer)}`);
    return answer.error;
  }

  /** Executes the same script anew in the same process and waits for it. */
  async executeAnew(keepFds: readonly number[]): Promise<number | undefined> {
    const answer = await this.#ask('execve', [process.execPath, ['node', PEER_SCRIPT], ['A=1'], keepFds]);
    return answer.ready;
  }

  /** Makes a call that ends the peer, and returns what is printed until then. */
  async lastWords(name: string, ...args: readonly unknown[]): Promise<string> {
    this.#send(name, args);
    while (!this.#ended) await this.#change(`the end of ${name}`);
    return this.#output;
  }

  /** Kills the process and waits until it is reaped. */
  async stop(): Promise<void> {
    running.delete(this);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await within(exit, DEADLINE_MS, 'the peer to end');
  }

  #send(name: string, args: readonly unknown[]): void {
    this.#child.stdin.write(`${JSON.stringify([name, ...args])}\n`);
  }

  #ask(name: string, args: readonly unknown[]): Promise<Answer> {
    this.#send(name, args);
    return this.#next();
  }

  async #next(): Promise<Answer> {
    while (!this.#output.includes('\n')) {
      if (this.#ended) throw new Error('the peer ended without an answer');
      await this.#change('an answer of the peer');
    }
    const end = this.#output.indexOf('\n');
    const line = this.#output.slice(0, end);
    this.#output = this.#output.slice(end + 1);
    return JSON.parse(line) as Answer;
  }

  /** More output, or its end. */
  #change(what: string): Promise<void> {
    const change = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return within(change, DEADLINE_MS, what);
  }
}
