/**
 * The target's side of a migration, from the moment the machine is built:
 *
 *     open backends that wait, unless theirs comes with the stream (`local`) ► listen on main
 *       ► hang up the CPR connection, if there was one ► accept one source ► take its stream
 *       ► load ► tell the source ► run or stay paused
 *
 * Guarantees: no device changes before the whole stream is there and was decoded; with
 * return-path the vCPU is started only after the source could still be told, so a source that was
 * cancelled meanwhile and runs again is never doubled here.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { QmpError } from '../qmp/error.js';
import { UnixListener } from '../unix-listener.js';
import type { Address } from './address.js';
import { type DescriptorSource, receiveStream, type StreamContext } from './incoming-stream.js';
import { requireLocal } from './local-outgoing.js';
import { rehearseLoad } from './rehearsal.js';
import type { StreamSubject } from './stream-format.js';
import { systemReason } from './system-reason.js';

export interface IncomingContext extends Pick<StreamContext, 'vm' | 'events' | 'progress'> {
  /** What the source must agree on, by the capabilities of now. */
  subject(): StreamSubject;
  /** Where the RAM in a stream goes; null when it is found in its file. */
  contents(): Uint8Array | null;
  /** The load failed and the process has to end. */
  fatal(message: string): void;
  /** A line for the operator. */
  report(message: string): void;
}

/** Who hands the VM over, as far as it is known before its stream comes. */
export interface Source {
  /** RAM has come by its descriptor and is not in the stream. */
  readonly hasRam: boolean;
  /** 0 when it cannot be seen from here. */
  readonly pid: number;
  /** Tells it that the main channel can be connected to. */
  hangUp(): void;
}

export const UNKNOWN_SOURCE: Source = { hasRam: false, pid: 0, hangUp: () => {} };

export interface ListenOptions {
  readonly address: Address;
  /** False: after a failure the process stays, in run state `inmigrate`. */
  readonly exitOnError: boolean;
}

export class IncomingMigration {
  readonly #context: IncomingContext;
  readonly #source: Source;
  #listener: UnixListener | null = null;
  #server: Server | null = null;
  /** Ends the waiting for a source that sends descriptors. */
  #unwatch: (() => void) | null = null;
  #exitOnError = true;
  /** As it was when the main channel was opened. */
  #isLocal = false;
  #started = false;
  #end: () => void = () => {};
  readonly #loaded = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  constructor(context: IncomingContext, source: Source) {
    this.#context = context;
    this.#source = source;
  }

  /**
   * Opens the main channel; where it is a socket, listens and lets the source know. Only once. `loaded` resolves
   * when the stream was loaded, or was not.
   */
  async listen({ address, exitOnError }: ListenOptions): Promise<{ loaded: Promise<void> }> {
    if (this.#started) throw new QmpError('The incoming migration has already been started');
    this.#isLocal = this.#context.subject().local ?? false;
    if (this.#isLocal) requireLocal(address);
    else await this.#context.vm.handOvers.openBackends();
    this.#exitOnError = exitOnError;
    if (address.kind === 'unix') await this.#listenOn(address.path);
    else if (address.kind === 'inet') await this.#listenAt(address);
    else await this.#read(address);
    return { loaded: this.#loaded };
  }

  async #listenOn(path: string): Promise<void> {
    const listener = openListener(path);
    this.#listener = listener;
    this.#started = true;
    await rehearseLoad(this.#context.vm, this.#context.subject());
    if (this.#isLocal) await this.#serveLocal(listener);
    else await this.#serve((server, resolve) => server.listen({ fd: listener.release() }, resolve));
    this.#context.progress.beginIncoming({ type: 'unix', path });
    this.#source.hangUp();
  }

  async #listenAt({ host, port }: Extract<Address, { kind: 'inet' }>): Promise<void> {
    const where = { port: Number(port), backlog: 1, ...(host === '' ? {} : { host }) };
    await rehearseLoad(this.#context.vm, this.#context.subject());
    let server: Server;
    try {
      server = await this.#serve((made, resolve) => made.listen(where, resolve));
    } catch (cause) {
      this.close();
      const words = `Failed to listen on '${host}:${port}': ${systemReason(cause)}`;
      throw new QmpError(words, 'GenericError', { cause });
    }
    this.#started = true;
    const bound = server.address() as AddressInfo;
    this.#context.progress.beginIncoming({ type: 'inet', host: bound.address, port: String(bound.port) });
    this.#source.hangUp();
  }

  /** Node's own sockets would drop descriptors. */
  async #serveLocal(listener: UnixListener): Promise<void> {
    const { acceptLocal } = await import('./local-connection.js');
    this.#unwatch = acceptLocal(listener, (connection) => {
      this.close();
      this.#receive(connection, { beside: connection, sourcePid: connection.sourcePid });
    });
  }

  async #serve(listen: (server: Server, resolve: () => void) => void): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      listen(server, resolve);
    });
    return server;
  }

  async #read(address: Exclude<Address, { kind: 'unix' | 'inet' }>): Promise<void> {
    let stream: Duplex;
    try {
      const { openIncoming } = await import('./incoming-channel.js');
      stream = await openIncoming(address);
    } catch (cause) {
      throw new QmpError((cause as Error).message, 'GenericError', { cause });
    }
    this.#started = true;
    this.#context.progress.beginIncoming(null);
    this.#source.hangUp();
    this.#receive(stream);
  }

  /** Stops listening and removes the socket's file. */
  close(): void {
    this.#unwatch?.();
    if (this.#unwatch !== null) this.#listener?.close();
    else this.#listener?.unlink();
    this.#unwatch = null;
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
    this.#receive(socket.setNoDelay());
  }

  #receive(stream: Duplex, { beside, sourcePid = 0 }: LateDescriptors = {}): void {
    const { vm, events, progress, report, fatal } = this.#context;
    const failed = (error: Error) => {
      const message = `load of migration failed: ${error.message}`;
      if (this.#exitOnError) fatal(message);
      else report(message);
    };
    const isSourceAlive = () => isAlive(this.#source.pid || sourcePid);
    const subject = { ...this.#context.subject(), local: this.#isLocal };
    const contents = this.#source.hasRam ? null : this.#context.contents();
    const context = {
      vm,
      events,
      progress,
      subject,
      contents,
      isSourceAlive,
      failed,
      ...(beside && { beside }),
    };
    const received = receiveStream(stream, context).catch((unexpected: Error) => {
      fatal(`the incoming migration failed: ${unexpected.message}`);
    });
    received.then(() => this.#end());
  }
}

/** What a stream brings beside its bytes, and whose process that is. */
interface LateDescriptors {
  readonly beside?: DescriptorSource;
  readonly sourcePid?: number;
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
