/** The other end of a vhost-user connection, in a test's hand: it answers as a disk does, or as it is told to. */
import {
  acceptUnix,
  closeFd,
  listenUnix,
  POLLIN,
  pollFd,
  receiveMessage,
  sendMessage,
} from '../../../native/index.js';

export interface Heard {
  readonly request: number;
  readonly payload: Buffer;
  readonly fds: readonly number[];
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'getFeatures',
  2: 'setFeatures',
  3: 'setOwner',
  5: 'setMemTable',
  8: 'setVringNum',
  9: 'setVringAddr',
  10: 'setVringBase',
  11: 'getVringBase',
  12: 'setVringKick',
  13: 'setVringCall',
  15: 'getProtocolFeatures',
  16: 'setProtocolFeatures',
  17: 'getQueueNum',
  18: 'setVringEnable',
  24: 'getConfig',
  25: 'setConfig',
};

export function reply(request: number, payload: Uint8Array, flags = 5): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(request, 0);
  head.writeUInt32LE(flags, 4);
  head.writeUInt32LE(payload.length, 8);
  return Buffer.concat([head, payload]);
}

function word64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** Protocol features, indirect descriptors, event index, version 1, flush, write cache, topology. */
export const FEATURES =
  (1n << 30n) | (1n << 28n) | (1n << 29n) | (1n << 32n) | (1n << 9n) | (1n << 11n) | (1n << 10n);

export class FakeBackend {
  readonly heard: Heard[] = [];
  /** Answers by request; `null` for none. */
  readonly answers = new Map<number, (message: Heard) => Buffer | null>([
    [1, () => reply(1, word64(FEATURES))],
    [15, () => reply(15, word64((1n << 9n) | 1n))],
    [17, () => reply(17, word64(4n))],
    [24, ({ payload }) => reply(24, Buffer.concat([payload.subarray(0, 12), Buffer.alloc(60, 7)]))],
    [11, ({ payload }) => reply(11, payload)],
  ]);
  readonly #listener: number;
  #fd: number | null = null;
  #isClosed = false;
  #received = Buffer.alloc(0);
  #fds: number[] = [];

  constructor(path: string) {
    this.#listener = listenUnix(path, 1);
  }

  get story(): string[] {
    return this.heard.map(({ request }) => NAMES[request] ?? String(request));
  }

  /** Serves one connection until it or the backend is closed. */
  async serve(): Promise<void> {
    while (!this.#isClosed && this.#fd === null) {
      await pollFd(this.#listener, POLLIN, 20);
      this.#fd = this.#isClosed ? null : acceptUnix(this.#listener);
    }
    while (!this.#isClosed && this.#fd !== null) {
      await pollFd(this.#fd, POLLIN, 20);
      if (this.#fd !== null && !this.#read(this.#fd)) break;
    }
  }

  send(bytes: Uint8Array): void {
    if (this.#fd !== null) sendMessage(this.#fd, bytes, []);
  }

  hangUp(): void {
    if (this.#fd !== null) closeFd(this.#fd);
    this.#fd = null;
  }

  close(): void {
    this.#isClosed = true;
    this.hangUp();
    closeFd(this.#listener);
    for (const fd of [...this.heard.flatMap(({ fds }) => fds), ...this.#fds]) closeFd(fd);
  }

  #read(fd: number): boolean {
    const message = receiveMessage(fd, 4096, 8);
    if (message === null) return true;
    if (message.data.length === 0) return false;
    this.#received = Buffer.concat([this.#received, message.data]);
    this.#fds.push(...message.fds);
    while (this.#received.length >= 12 && this.#received.length >= 12 + this.#received.readUInt32LE(8))
      this.#take();
    return true;
  }

  #take(): void {
    const end = 12 + this.#received.readUInt32LE(8);
    const request = this.#received.readUInt32LE(0);
    const fds = [5, 12, 13].includes(request) ? this.#fds.splice(0, 1) : [];
    const message = { request, payload: this.#received.subarray(12, end), fds };
    this.#received = this.#received.subarray(end);
    this.heard.push(message);
    const answer = this.answers.get(request)?.(message) ?? null;
    if (answer !== null) this.send(answer);
  }
}
