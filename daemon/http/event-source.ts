/**
 * Events as server-sent events: `id` is the sequence, `data` CloudEvents JSON. An `id` without data is no event for the
 * reader but moves what it will send as Last-Event-ID: so it hears how far it has come. An event named `problem` comes
 * before the daemon ends the answer for a reason. There is nothing that a peer could answer: one that is dead is noticed
 * by its connection, or when it takes nothing more.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { type BatonError, problemBody } from '../errors.js';
import type { Frame } from './event-feed.js';
import type { EventTransport } from './event-stream.js';

export const EVENT_STREAM = 'text/event-stream';
/** Whether an answer may be one that goes on and on. */
export function asksForEvents({ accept }: IncomingHttpHeaders): boolean {
  return accept?.includes(EVENT_STREAM) ?? false;
}

/** After which a browser comes back. */
const RETRY_MS = 1_000;
const TCP_PROBE_AFTER_MS = 30_000;

export class EventSource implements EventTransport {
  readonly name = 'sse';
  readonly #response: ServerResponse;

  /** `headers`: what hooks have set already. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string | number | string[]>> = {}) {
    this.#response = response;
    response.socket?.setKeepAlive(true, TCP_PROBE_AFTER_MS);
    response.writeHead(200, {
      ...headers,
      'content-type': EVENT_STREAM,
      'cache-control': 'no-store',
      /* It ends with the daemon's wish to end it: no further request on this connection. */
      connection: 'close',
      'x-accel-buffering': 'no',
    });
    response.on('error', () => response.destroy());
    response.write(`retry: ${RETRY_MS}\n\n`);
  }

  get unreadBytes(): number {
    return this.#response.writableLength + (this.#response.socket?.writableLength ?? 0);
  }

  send(frame: Frame): void {
    this.#response.write(frame.serverSent);
  }

  sendReached(seq: number): void {
    this.#response.write(`id: ${seq}\n\n`);
  }

  beat(): boolean {
    this.#response.write(':\n\n');
    return true;
  }

  refuse(error: BatonError): void {
    this.#response.end(`event: problem\ndata: ${JSON.stringify(problemBody(error))}\n\n`);
  }

  sendAway(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  onClosed(heard: () => void): void {
    this.#response.on('close', heard);
  }
}
