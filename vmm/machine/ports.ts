/**
 * The two ends that a machine is asked through: those of a worker thread, or of this thread, where a message
 * arrives when what is being done now is done, before anything else, and is not copied.
 */
import { EventEmitter } from 'node:events';
import type { NumberedRequest, WorkerMessage, WorkerSettings } from './protocol.js';

const LONGEST_MS = 2 ** 31 - 1;

/** The machine's end. */
export interface MachinePort {
  postMessage(message: WorkerMessage): void;
  on(event: 'message', hear: (message: NumberedRequest) => void): unknown;
  close(): void;
}

/** The end of whoever asks; a `Worker` is one. */
export interface MachinePeer {
  postMessage(message: WorkerSettings | NumberedRequest): void;
  on(event: 'message', hear: (message: WorkerMessage) => void): unknown;
  on(event: 'error', hear: (error: unknown) => void): unknown;
  on(event: 'exit', hear: (code: number) => void): unknown;
  terminate(): unknown;
}

/** `serve` is called with the first message. Like a thread it keeps the process going until it is closed. */
export function withinThread(serve: (port: MachinePort, settings: WorkerSettings) => void): MachinePeer {
  const peer = new EventEmitter();
  const port = new EventEmitter();
  const awake = setInterval(() => {}, LONGEST_MS);
  const end = () => {
    clearInterval(awake);
    queueMicrotask(() => peer.emit('exit', 0));
  };
  const deliver = (to: EventEmitter) => (message: unknown) =>
    queueMicrotask(() => to.emit('message', message));
  const machinePort: MachinePort = Object.assign(port, { postMessage: deliver(peer), close: end });
  port.once('message', (settings: WorkerSettings) => serve(machinePort, settings));
  return Object.assign(peer, { postMessage: deliver(port), terminate: end });
}
