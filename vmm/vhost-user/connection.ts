/**
 * A connection to a vhost-user backend: messages go out in order, answers come back in the order of their questions.
 * Everything the backend can do wrong, or that it goes away, ends the connection, once.
 */
import {
  closeFd,
  type FdWatch,
  NativeError,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  receiveMessage,
  sendMessage,
  watchFd,
} from '../../native/index.js';
import {
  decodeReply,
  encodeMessage,
  joinBytes,
  MAX_PAYLOAD_BYTES,
  REQUESTS,
  type RequestName,
  VhostUserError,
} from './messages.js';

/** Messages that a backend does not read. */
const MAX_UNSENT_BYTES = 64 * 1024;
const MAX_FDS = 8;
const NOTHING = new Uint8Array(0);

interface Question {
  readonly name: RequestName;
  resolve(payload: Uint8Array): void;
  reject(error: Error): void;
}

interface Unsent {
  readonly bytes: Uint8Array;
  readonly fds: readonly number[];
}

export class VhostUserConnection {
  readonly fd: number;
  /** Called once, later than whatever made it end. */
  onEnd: (reason: Error) => void = () => {};
  readonly #watch: FdWatch;
  #questions: Question[] = [];
  #unsent: Unsent[] = [];
  #received: Uint8Array = NOTHING;
  #isQuiet = true;
  #ended: Error | null = null;

  /** Owns `fd` from here on. Quiet at first. */
  constructor(fd: number) {
    this.fd = fd;
    this.#watch = watchFd(fd, () => this.ready());
  }

  get ended(): Error | null {
    return this.#ended;
  }

  /** While quiet nothing is read. */
  setQuiet(quiet: boolean): void {
    this.#isQuiet = quiet;
    this.#listen();
  }

  /** Copies of `fds` go with it, later when the backend is slow: they must stay open until the next answer. */
  send(name: RequestName, payload: Uint8Array, fds: readonly number[] = []): void {
    if (this.#ended !== null) return;
    this.#unsent.push({ bytes: encodeMessage(name, payload), fds });
    this.#flush();
    const waiting = this.#unsent.reduce((total, { bytes }) => total + bytes.length, 0);
    if (waiting > MAX_UNSENT_BYTES) this.#end(new VhostUserError('the backend does not read'));
  }

  /** Resolves with what the answer carries; rejects when the connection ends. */
  ask(name: RequestName, payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.hear(name, payload, resolve, reject));
  }

  /** The same, for who hears the answer inside of `ready`. */
  hear(
    name: RequestName,
    payload: Uint8Array,
    resolve: (payload: Uint8Array) => void,
    reject: (error: Error) => void = () => {},
  ): void {
    if (this.#ended !== null) reject(this.#ended);
    else this.#questions.push({ name, resolve, reject });
    this.send(name, payload);
  }

  /** Reads and writes what can be now. The event loop calls it; so may who cannot wait for that. */
  ready(): void {
    if (this.#ended !== null) return;
    this.#flush();
    try {
      for (;;) {
        const message = this.#isQuiet ? null : receiveMessage(this.fd, MAX_PAYLOAD_BYTES, MAX_FDS);
        if (message === null) break;
        for (const fd of message.fds) closeFd(fd);
        if (message.data.length === 0) throw new VhostUserError('the backend has closed the connection');
        this.#received = joinBytes(this.#received, message.data);
        this.#answer();
      }
    } catch (error) {
      this.#end(error as Error);
    }
    this.#listen();
  }

  close(): void {
    this.onEnd = () => {};
    this.#end(new VhostUserError('the device is closed'));
    this.#watch.end();
    closeFd(this.fd);
  }

  #answer(): void {
    for (let reply = decodeReply(this.#received); reply !== null; reply = decodeReply(this.#received)) {
      this.#received = this.#received.subarray(reply.sizeBytes);
      const [question] = this.#questions;
      if (question === undefined || REQUESTS[question.name] !== reply.request) {
        throw new VhostUserError(
          `expected an answer to ${question?.name ?? 'nothing'}, got ${reply.request}`,
        );
      }
      this.#questions.shift();
      question.resolve(reply.payload);
    }
  }

  #flush(): void {
    try {
      for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
        const sent = sendMessage(this.fd, first.bytes, first.fds);
        if (sent < first.bytes.length) this.#unsent[0] = { bytes: first.bytes.subarray(sent), fds: [] };
        else this.#unsent.shift();
      }
    } catch (error) {
      if (!(error instanceof NativeError && error.code === 'EAGAIN')) this.#end(error as Error);
    }
    this.#listen();
  }

  #listen(): void {
    const isOver = this.#ended !== null;
    const input = isOver || this.#isQuiet ? 0 : POLLIN | POLLRDHUP;
    this.#watch.set(input | (isOver || this.#unsent.length === 0 ? 0 : POLLOUT));
  }

  #end(reason: Error): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#unsent = [];
    for (const question of this.#questions.splice(0)) question.reject(reason);
    setImmediate(() => this.onEnd(reason));
  }
}
