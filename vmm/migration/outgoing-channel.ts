/**
 * Opens what a main stream is written to. `ended` tells whether all of it arrived where it goes: in the file,
 * in the kernel on the way to a peer, in a program that then ended well.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, type Stats, write, writeSync } from 'node:fs';
import { createConnection, type NetConnectOpts, Socket } from 'node:net';
import { type Duplex, Writable } from 'node:stream';
import { isFdSetPath, openPath } from '../descriptors/open-path.js';
import type { Address } from './address.js';
import { systemReason } from './system-reason.js';

export interface OutgoingChannel {
  readonly stream: Writable;
  /** The same stream when the other side can answer on it. */
  readonly duplex: Duplex | null;
  /**
   * Sends the first bytes before anything is written to `stream`, with descriptors beside them, and gives those that
   * are left. `null`: descriptors cannot go this way.
   */
  readonly sendFirst: ((bytes: Uint8Array, fds: readonly number[]) => Uint8Array) | null;
  /** Settles once `stream` was ended, or is broken. */
  readonly ended: Promise<void>;
}

/** Rejects with QEMU's words for what cannot be opened. */
export async function openOutgoing(address: Address, signal: AbortSignal): Promise<OutgoingChannel> {
  switch (address.kind) {
    case 'unix':
      return fromSocket(await connectSocket({ path: address.path }, address.path, signal));
    case 'inet':
      return fromSocket(await connectInet(address, signal));
    case 'file':
      return fromStream(new FileSink(createFile(address.path), address.offsetBytes), 'the file');
    case 'fd':
      return fromDescriptor(address);
    case 'exec':
      return fromProgram(address.args);
  }
}

/**
 * For `migrate`: what can be opened at once is, and fails the command; a connection is made when the migration is
 * under way, and fails that.
 */
export async function beginOutgoing(
  address: Address,
  signal: AbortSignal,
): Promise<() => Promise<OutgoingChannel>> {
  if (address.kind === 'unix' || address.kind === 'inet') return () => openOutgoing(address, signal);
  const channel = await openOutgoing(address, signal);
  return async () => channel;
}

async function connectInet(
  { host, port }: Extract<Address, { kind: 'inet' }>,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await connectSocket({ host, port: Number(port) }, `${host}:${port}`, signal);
  // The last bytes of a state shall not wait for more.
  return socket.setNoDelay();
}

/** `name` is what QEMU calls it in errors. */
function connectSocket(to: NetConnectOpts, name: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = createConnection({ ...to, allowHalfOpen: true });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (cause) => {
      signal.removeEventListener('abort', onAbort);
      reject(connectFailure(cause, name));
    });
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function connectFailure(cause: NodeJS.ErrnoException, name: string): Error {
  if (cause.syscall === 'getaddrinfo') {
    return new Error(`address resolution failed for ${name}: Name or service not known`, { cause });
  }
  return new Error(`Failed to connect to '${name}': ${systemReason(firstOf(cause))}`, { cause });
}

/** A name with several addresses fails with one error for each. */
function firstOf(error: Error): Error {
  return error instanceof AggregateError ? (error.errors[0] as Error) : error;
}

export function fromSocket(socket: Socket): OutgoingChannel {
  return { ...fromStream(socket, 'the connection to the target'), duplex: socket };
}

/** `what` names the stream in errors. */
function fromStream(stream: Writable, what: string): OutgoingChannel {
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', (cause) => reject(new Error(`${what} broke: ${systemReason(cause)}`, { cause })));
    stream.on('close', () => reject(new Error(`${what} was closed`)));
  });
  ended.catch(() => undefined); // whoever waits for it hears of it
  return { stream, duplex: null, sendFirst: null, ended };
}

type DescriptorAddress = Extract<Address, { kind: 'fd' }>;

/** A descriptor that a client of the monitor has sent; by number: what a parent left open for us. */
export function openDescriptor({ name, take }: DescriptorAddress): { fd: number; status: Stats } {
  const fd = take?.() ?? (/^\d{1,9}$/.test(name) ? Number(name) : -1);
  try {
    return { fd, status: fstatSync(fd) };
  } catch (cause) {
    throw new Error(`File descriptor named '${name}' has not been found`, { cause });
  }
}

function fromDescriptor(address: DescriptorAddress): OutgoingChannel {
  const { fd, status } = openDescriptor(address);
  if (status.isSocket()) return fromSocket(new Socket({ fd, allowHalfOpen: true }));
  if (status.isFIFO()) return fromStream(new Socket({ fd, readable: false, writable: true }), 'the pipe');
  closeSync(fd);
  throw new Error('fd: migration to a file is not supported. Use file: instead.');
}

async function fromProgram(args: readonly string[]): Promise<OutgoingChannel> {
  const [program = '', ...rest] = args;
  const { spawn } = process.getBuiltinModule('node:child_process'); // no part of a start
  // A process group of its own, so that all of it can be ended.
  const child = spawn(program, rest, { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
  await started(child, program);
  const { stream } = fromStream(child.stdin, `the input of '${program}'`);
  const ended = new Promise<void>((resolve, reject) => {
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`'${args.join(' ')}' ended with ${signal ?? `exit code ${code}`}`));
    });
  });
  ended.catch(() => undefined);
  stream.on('close', () => {
    if (!stream.writableFinished && child.exitCode === null && child.signalCode === null) endGroup(child);
  });
  return { stream, duplex: null, sendFirst: null, ended };
}

/** What it was to take will not come. */
function endGroup({ pid = 0 }: ChildProcess): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // it has just ended
  }
}

export function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new Error(`Failed to run '${program}': ${systemReason(cause)}`, { cause }));
    });
  });
}

function createFile(path: string): number {
  try {
    return openPath(path, 'w', 0o600);
  } catch (cause) {
    if (isFdSetPath(path)) throw cause;
    throw new Error(`Could not create '${path}': ${systemReason(cause)}`, { cause });
  }
}

/** Chunks up to this size are written at once: the way over a thread takes longer. */
const SMALL_BYTES = 64 * 1024;

class FileSink extends Writable {
  readonly #fd: number;
  #at: number;

  constructor(fd: number, at: number) {
    super();
    this.#fd = fd;
    this.#at = at;
  }

  override _write(chunk: Uint8Array, _encoding: string, taken: (error?: Error | null) => void): void {
    if (chunk.length > SMALL_BYTES) {
      this.#writeRest(chunk, taken);
      return;
    }
    try {
      for (let at = 0; at < chunk.length; ) at += this.#count(writeSync(this.#fd, chunk, at, null, this.#at));
      taken();
    } catch (error) {
      taken(error as Error);
    }
  }

  #writeRest(rest: Uint8Array, taken: (error?: Error | null) => void): void {
    write(this.#fd, rest, 0, rest.length, this.#at, (error, sizeBytes) => {
      if (error !== null) taken(error);
      else if (this.#count(sizeBytes) === rest.length) taken();
      else this.#writeRest(rest.subarray(sizeBytes), taken);
    });
  }

  #count(sizeBytes: number): number {
    this.#at += sizeBytes;
    return sizeBytes;
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    closeSync(this.#fd);
    destroyed(error);
  }
}
