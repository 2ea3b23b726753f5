/** The source's end of the CPR channel after the descriptors went: hears the target's handshake and its hang-up. */
import type { Socket } from 'node:net';
import { decodeFacts, type MachineFacts, misfit } from './handshake.js';

export class CprListener {
  /** Resolves when the target hangs up; rejects for a target that does not fit, and when the migration is cancelled. */
  readonly hungUp: Promise<void>;
  readonly #socket: Socket;
  readonly #ours: MachineFacts;
  #pending: Buffer = Buffer.alloc(0);
  #isJudged = false;

  constructor(socket: Socket, ours: MachineFacts, signal: AbortSignal) {
    this.#socket = socket;
    this.#ours = ours;
    this.hungUp = this.#listen(signal);
    this.hungUp.catch(() => undefined); // whoever waits for it hears of it
  }

  #listen(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        signal.removeEventListener('abort', onAbort);
        this.#socket.destroy();
        act();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#socket.on('data', (chunk) => {
        const complaint = this.#judge(chunk);
        if (complaint !== null) settle(() => reject(new Error(complaint)));
      });
      this.#socket.on('error', () => settle(resolve)).on('end', () => settle(resolve));
    });
  }

  #judge(chunk: Buffer): string | null {
    if (this.#isJudged) return null;
    this.#pending = Buffer.concat([this.#pending, chunk]);
    try {
      for (;;) {
        const told = decodeFacts(this.#pending);
        if (told === null) return null;
        this.#pending = told.rest;
        const complaint = misfit(this.#ours, told.facts);
        if (complaint !== null) return complaint;
        this.#isJudged = !told.facts.mayChange;
        if (this.#isJudged) return null;
      }
    } catch (error) {
      return (error as Error).message;
    }
  }
}
