/** Opens what a main stream is read from, where that is not a listening socket. */
import { closeSync, createReadStream, read, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { isFdSetPath, openPath } from '../descriptors/open-path.js';
import type { Address } from './address.js';
import { openDescriptor, started } from './outgoing-channel.js';
import { systemReason } from './system-reason.js';

/** What is read at once. */
const CHUNK_BYTES = 1024 * 1024;

/** What is written to a stream that cannot answer goes nowhere. */
export async function openIncoming(address: Exclude<Address, { kind: 'unix' | 'inet' }>): Promise<Duplex> {
  switch (address.kind) {
    case 'file':
      return openFile(address.path, address.offsetBytes);
    case 'fd':
      return fromDescriptor(address);
    case 'exec': {
      const [program = '', ...rest] = address.args;
      const { spawn } = process.getBuiltinModule('node:child_process'); // no part of a start
      const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
      await started(child, program);
      return Duplex.from({ readable: child.stdout });
    }
  }
}

function openFile(path: string, start: number): Duplex {
  let fd: number;
  try {
    fd = openPath(path, 'r');
  } catch (cause) {
    if (isFdSetPath(path)) throw cause;
    throw new Error(`Could not open '${path}': ${systemReason(cause)}`, { cause });
  }
  return new FileSource(fd, start);
}

function fromDescriptor(address: Extract<Address, { kind: 'fd' }>): Duplex {
  const { fd, status } = openDescriptor(address);
  if (status.isSocket()) return new Socket({ fd, allowHalfOpen: true });
  if (status.isFIFO()) return new Socket({ fd, readable: true, writable: false });
  return Duplex.from({ readable: createReadStream('', { fd, highWaterMark: CHUNK_BYTES }) });
}

/** The first read is done at once: a state without RAM is in the page cache and wants no thread. */
class FileSource extends Duplex {
  readonly #fd: number;
  readonly #start: number;
  #at: number;

  constructor(fd: number, start: number) {
    super({ readableHighWaterMark: CHUNK_BYTES });
    this.#fd = fd;
    this.#start = start;
    this.#at = start;
  }

  override _read(): void {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    if (this.#at === this.#start) {
      this.#take(chunk, readSync(this.#fd, chunk, 0, CHUNK_BYTES, this.#at));
      return;
    }
    read(this.#fd, chunk, 0, CHUNK_BYTES, this.#at, (error, sizeBytes) => {
      if (error !== null) this.destroy(error);
      else this.#take(chunk, sizeBytes);
    });
  }

  #take(chunk: Buffer, sizeBytes: number): void {
    this.#at += sizeBytes;
    this.push(sizeBytes === 0 ? null : chunk.subarray(0, sizeBytes));
  }

  override _write(_chunk: unknown, _encoding: string, taken: () => void): void {
    taken();
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    closeSync(this.#fd);
    destroyed(error);
  }
}
