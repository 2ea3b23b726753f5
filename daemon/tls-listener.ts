/**
 * TCP, with TLS and nothing else: connections that have shaken hands are given to the HTTP server, as if it had accepted
 * them itself, so that routes, limits and WebSockets are the same as on the unix socket. A client may show a
 * certificate and need not. Connections are bounded, also per address, and so is the time for the handshake. A peer that
 * is gone without a word is noticed, also by a session in which nothing is said.
 */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { ConnectionCount } from './access/connection-count.js';
import { networkOf } from './access/network.js';
import { messageOf } from './errors.js';

const MAX_CONNECTIONS = 1_024;
const MAX_CONNECTIONS_PER_NETWORK = 128;
const HANDSHAKE_DEADLINE_MS = 10_000;
const PROBED_AFTER_MS = 30_000;

export interface TlsFiles {
  /** The daemon's certificate, with its chain, PEM. */
  readonly cert: string;
  readonly key: string;
  /** Who may sign client certificates, PEM; null: none are asked for. */
  readonly clientCa: string | null;
}

export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** `fd`: a socket that listens already. */
export type ListenPlace = ListenAddress | { readonly fd: number };

export interface TlsListenerOptions {
  readonly files: TlsFiles;
  readonly http: HttpServer;
  readonly maxConnections?: number;
  readonly maxConnectionsPerNetwork?: number;
}

export class TlsListener {
  readonly #files: TlsFiles;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #perNetwork: ConnectionCount;

  /** Throws when the files are not a certificate and its key. */
  constructor({ files, http, maxConnections, maxConnectionsPerNetwork }: TlsListenerOptions) {
    this.#files = files;
    this.#perNetwork = new ConnectionCount(maxConnectionsPerNetwork ?? MAX_CONNECTIONS_PER_NETWORK);
    this.#server = createServer({
      ...readContext(files),
      requestCert: files.clientCa !== null,
      /* Others come with a token: what a certificate is worth is seen to where callers are known. */
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_DEADLINE_MS,
      ALPNProtocols: ['http/1.1'],
      keepAlive: true,
      keepAliveInitialDelay: PROBED_AFTER_MS,
    });
    this.#server.maxConnections = maxConnections ?? MAX_CONNECTIONS;
    this.#server.on('connection', (socket) => this.#count(socket));
    this.#server.on('secureConnection', (socket: TLSSocket) => http.emit('connection', socket));
    /* Who speaks no TLS is gone already. */
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** Resolves when it listens. */
  async listen(where: ListenPlace): Promise<AddressInfo> {
    if ('fd' in where) this.#server.listen({ fd: where.fd });
    else this.#server.listen({ host: where.address, port: where.port });
    await once(this.#server, 'listening');
    return this.#server.address() as AddressInfo;
  }

  /** Reads the files again, for the connections to come. When they are wrong it throws, and all stays as it was. */
  reload(): void {
    this.#server.setSecureContext(readContext(this.#files));
  }

  /** Nobody is accepted any more, and nobody stays connected. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #count(socket: Socket): void {
    if (!this.#perNetwork.admit(networkOf(socket.remoteAddress ?? ''), socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function readContext({ cert, key, clientCa }: TlsFiles): SecureContextOptions {
  try {
    return {
      cert: readFileSync(cert),
      key: readFileSync(key),
      minVersion: 'TLSv1.2',
      honorCipherOrder: true,
      ...(clientCa === null ? {} : { ca: readFileSync(clientCa) }),
      /* A session that is taken up again would bring a certificate along that is not looked at again. */
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  } catch (cause) {
    throw new Error(`expected certificate and key for TLS, but: ${messageOf(cause)}`, { cause });
  }
}
