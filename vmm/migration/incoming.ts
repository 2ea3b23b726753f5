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
import { UnixListener } from '../unix-listener.js';
import type { ReceivedCpr } from './cpr-channel.js';
import { receiveStream, type StreamContext } from './incoming-stream.js';
import { rehearseLoad } from './rehearsal.js';
import { systemReason } from './socket-error.js';

export interface IncomingContext extends Omit<StreamContext, 'isSourceAlive' | 'failed'> {
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
    await rehearseLoad(this.#context.vm, this.#context.subject);
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
    const { report, fatal } = this.#context;
    const failed = (error: Error) => {
      const message = `load of migration failed: ${error.message}`;
      if (this.#exitOnError) fatal(message);
      else report(message);
    };
    const isSourceAlive = () => isAlive(this.#cpr.sourcePid);
    receiveStream(socket, { ...this.#context, isSourceAlive, failed }).catch((unexpected: Error) => {
      fatal(`the incoming migration failed: ${unexpected.message}`);
    });
  }
}

function openListener(path: string): UnixListener {
  try {
    return new UnixListener(path, 1);
  } catch (cause) {
    throw new QmpError(`Failed to listen on '${path}': ${systemReason(cause)}`, 'GenericError', { cause });
  }
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
