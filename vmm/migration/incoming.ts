/**
 * The target's side of `cpr-transfer`, from the moment the machine is built on the received memory:
 *
 *     listen on main ► hang up the CPR connection ► accept one source ► collect its stream
 *       ► load ► tell the source ► run or stay paused
 *
 * Guarantees: nothing of the machine changes before the whole stream is there and was decoded; with
 * return-path the vCPU is started only after the source could still be told, so a source that was
 * cancelled meanwhile and runs again is never doubled here.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { QmpError } from '../qmp/error.js';
import type { EventHub } from '../qmp/events.js';
import { UnixListener } from '../unix-listener.js';
import type { VmControl } from '../vm-control.js';
import type { ReceivedCpr } from './cpr-channel.js';
import { checkStart, decodeStream, isComplete } from './decode-stream.js';
import type { MigrationProgress } from './progress.js';
import { rehearse } from './rehearsal.js';
import { encodeFailure, LOADED, PONG } from './return-path.js';
import { systemReason } from './socket-error.js';
import type { StreamSubject } from './stream-format.js';

/** Many times the state of any machine; a source that sends more is refused. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;
/** Up to here each chunk is looked at for the end of the stream; beyond, the source's end is waited for. */
const QUICK_END_BYTES = 1024 * 1024;
/** How long a failing target tries to tell its source why. */
const FAREWELL_DEADLINE_MS = 1000;

export interface IncomingContext {
  readonly events: EventHub;
  readonly vm: VmControl;
  readonly progress: MigrationProgress;
  readonly subject: StreamSubject;
  /** The load failed and the process has to end. */
  fatal(message: string): void;
  /** A line for the operator. */
  report(message: string): void;
}

export interface ListenOptions {
  readonly path: string;
  /** False: after a failure the process stays, in run state `inmigrate`. */
  readonly exitOnError: boolean;
}

export class IncomingMigration {
  readonly #context: IncomingContext;
  readonly #cpr: ReceivedCpr;
  #listener: UnixListener | null = null;
  #server: Server | null = null;
  #exitOnError = true;
  #started = false;

  constructor(context: IncomingContext, cpr: ReceivedCpr) {
    this.#context = context;
    this.#cpr = cpr;
  }

  /** Listens on `path` and lets the source know. Only once. */
  async listen({ path, exitOnError }: ListenOptions): Promise<void> {
    if (this.#started) throw new QmpError('The incoming migration has already been started');
    const listener = openListener(path);
    this.#listener = listener;
    this.#started = true;
    this.#exitOnError = exitOnError;
    await rehearse(this.#context.vm, this.#context.subject, () => false);
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd: listener.release() }, resolve);
    });
    this.#context.progress.begin({ type: 'unix', path });
    this.#cpr.hangUp();
  }

  /** Stops listening and removes the socket's file. */
  close(): void {
    this.#listener?.unlink();
    this.#listener = null;
    this.#server?.close();
    this.#server = null;
  }

  #accept(socket: Socket): void {
    if (this.#server === null) {
      socket.destroy();
      return;
    }
    this.close();
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const finish = (bytes: Buffer, error: Error | null) => {
      socket.removeAllListeners('data').removeAllListeners('end').resume();
      this.#finish(socket, bytes, error).catch((unexpected: Error) => {
        this.#context.fatal(`the incoming migration failed: ${unexpected.message}`);
      });
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      const complaint = sizeBytes > MAX_STREAM_BYTES ? tooLong() : startError(chunks);
      if (complaint !== null) finish(chunk, complaint);
      else if (sizeBytes <= QUICK_END_BYTES && isComplete(joined(chunks))) finish(joined(chunks), null);
      else if (this.#context.progress.status === 'setup') this.#context.progress.set('active');
    });
    socket.once('end', () => finish(joined(chunks), null));
  }

  async #finish(socket: Socket, bytes: Buffer, complaint: Error | null): Promise<void> {
    const { vm, progress, events } = this.#context;
    const release = events.hold();
    if (progress.status === 'setup') progress.set('active');
    let answers = false;
    try {
      if (complaint !== null) throw complaint;
      const { stateBefore, sections } = decodeStream(bytes, this.#context.subject, () => {
        answers = true;
      });
      const confirm = async () => {
        if (answers) await this.#confirm(socket);
      };
      const { started } = await vm.load(sections, stateBefore, confirm);
      progress.set('completed');
      release();
      socket.end();
      await started;
    } catch (error) {
      release();
      await this.#fail(socket, answers, error as Error);
    }
  }

  /** Tells the source that everything is loaded; rejects when the source has taken the VM back. */
  async #confirm(socket: Socket): Promise<void> {
    const failure = await write(socket, Buffer.concat([PONG, LOADED]));
    if (failure === null || !isAlive(this.#cpr.sourcePid)) return;
    throw new Error(`the source has ended the migration: ${systemReason(failure)}`);
  }

  async #fail(socket: Socket, answers: boolean, error: Error): Promise<void> {
    const { progress, report, fatal } = this.#context;
    progress.because(error.message);
    progress.set('failed');
    if (answers) await farewell(socket, encodeFailure(error.message));
    socket.destroy();
    const message = `load of migration failed: ${error.message}`;
    if (this.#exitOnError) fatal(message);
    else report(message);
  }
}

function openListener(path: string): UnixListener {
  try {
    return new UnixListener(path, 1);
  } catch (cause) {
    throw new QmpError(`Failed to listen on '${path}': ${systemReason(cause)}`, 'GenericError', { cause });
  }
}

/** Usually the stream comes in one piece, which needs no copy. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function tooLong(): Error {
  return new Error(`the stream has more than ${MAX_STREAM_BYTES} bytes`);
}

/** Looks at the first bytes only, so that a stranger who keeps the connection open is noticed. */
function startError(chunks: readonly Buffer[]): Error | null {
  const [first] = chunks;
  if (first === undefined || (chunks.length > 1 && first.length >= 8)) return null;
  try {
    checkStart(first.length >= 8 ? first : joined(chunks));
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Resolves with what went wrong, or `null`. A write that the kernel takes at once needs no turn of the loop. */
function write(socket: Socket, data: Uint8Array): Promise<Error | null> {
  return new Promise((resolve) => {
    socket.write(data, (error) => resolve(error ?? null));
  });
}

function farewell(socket: Socket, data: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FAREWELL_DEADLINE_MS);
    socket.once('close', resolve);
    socket.end(data, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A source that died (a zombie counts as dead) cannot run the VM; one that cannot be seen might. */
function isAlive(pid: number): boolean {
  if (pid === 0) return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
