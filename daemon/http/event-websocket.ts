/**
 * Events over a WebSocket: each a text frame with CloudEvents JSON. How far the reader has come is such an event too,
 * which is not stored. `{"error":PROBLEM}` comes before the daemon closes for a reason. A peer that does not answer a
 * ping until the next one is due is dead.
 */
import type { WebSocket } from 'ws';
import { BatonError, problemBody } from '../errors.js';
import { toReachedEvent } from '../event.js';
import type { Frame } from './event-feed.js';
import type { EventTransport } from './event-stream.js';

/** Private close codes; the frame before says the same as a problem. */
const CLOSE_REFUSED = 4400;
const CLOSE_GONE = 4410;
const CLOSE_SLOW = 4429;
const CLOSE_GOING_AWAY = 1001;

const TEXT = { binary: false };

export class EventWebSocket implements EventTransport {
  readonly name = 'websocket';
  readonly #socket: WebSocket;
  #hasAnswered = true;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('pong', () => {
      this.#hasAnswered = true;
    });
    socket.on('error', () => socket.terminate());
  }

  get unreadBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: Frame): void {
    this.#socket.send(frame.json, TEXT);
  }

  sendReached(seq: number): void {
    this.#socket.send(JSON.stringify(toReachedEvent(seq, Date.now())));
  }

  beat(): boolean {
    if (!this.#hasAnswered) return false;
    this.#hasAnswered = false;
    this.#socket.ping();
    return true;
  }

  refuse(error: BatonError): void {
    this.#socket.send(JSON.stringify({ error: problemBody(error) }));
    this.#socket.close(closeCode(error), error.code);
  }

  sendAway(): void {
    this.#socket.close(CLOSE_GOING_AWAY, 'the daemon is stopping');
  }

  destroy(): void {
    this.#socket.terminate();
  }

  onClosed(heard: () => void): void {
    this.#socket.on('close', heard);
  }

  /** This stream only sends. */
  onMessage(heard: (error: BatonError) => void): void {
    const message = 'expected no message on the event stream: it only sends';
    this.#socket.on('message', () => heard(new BatonError('invalid_request', message)));
  }
}

function closeCode({ code }: BatonError): number {
  if (code === 'events_gone') return CLOSE_GONE;
  return code === 'slow_reader' ? CLOSE_SLOW : CLOSE_REFUSED;
}
