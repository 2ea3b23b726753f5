/**
 * One HTTP exchange with the daemon: over its unix socket or by TLS, within a deadline, by node:http and node:https
 * alone. Says of a failure whether the request can have been heard. Connections are kept for the next request.
 */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import {
  ClientError,
  ConnectionLostError,
  DeadlineError,
  ProtocolError,
  UnreachableError,
} from './errors.js';
import { authorityOf, type Location } from './location.js';

/** Who asks, and whom it trusts. All by the contents of files, not their names. */
export interface Credentials {
  readonly token?: string;
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

interface Agent {
  destroy(): void;
}

export class Transport {
  readonly location: Location;
  readonly #credentials: Credentials;
  #agent: Agent | null = null;

  constructor(location: Location, credentials: Credentials) {
    this.location = location;
    this.#credentials = credentials;
  }

  /** Also for the handshake of a WebSocket. */
  get headers(): Record<string, string> {
    const { token } = this.#credentials;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** What TLS needs; nothing over a unix socket. */
  get tls(): Pick<Credentials, 'ca' | 'cert' | 'key'> {
    if (this.location.kind === 'unix') return {};
    const { ca, cert, key } = this.#credentials;
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
  }

  async exchange(exchange: Exchange): Promise<Answer> {
    exchange.signal?.throwIfAborted();
    const request = await this.#open(exchange);
    const what = `${exchange.method} ${exchange.path}`;
    return new Promise<Answer>((resolve, reject) => {
      let isSent = false;
      const end = (error: Error | null, answer?: Answer) => {
        clearTimeout(timer);
        exchange.signal?.removeEventListener('abort', abort);
        if (answer !== undefined) resolve(answer);
        else reject(error);
      };
      const fail = (error: Error & { code?: string }) => {
        request.destroy();
        if (error instanceof ClientError || exchange.signal?.aborted) end(error);
        else if (!isSent) end(new UnreachableError(this.location, error));
        else
          end(
            new ConnectionLostError(`the connection broke during ${what}: ${error.message}`, {
              cause: error,
            }),
          );
      };
      const abort = () => fail(exchange.signal?.reason as Error);
      const timer = setTimeout(
        () => fail(new DeadlineError(`no answer to ${what} within ${exchange.deadlineMs} ms`)),
        exchange.deadlineMs,
      );
      exchange.signal?.addEventListener('abort', abort, { once: true });
      request.on('socket', (socket) => {
        const ready = this.location.kind === 'unix' ? 'connect' : 'secureConnect';
        if (request.reusedSocket) isSent = true;
        else socket.once(ready, () => (isSent = true));
      });
      request.on('error', fail);
      request.on('response', (response) => {
        readAll(response).then((text) => {
          end(null, { status: response.statusCode ?? 0, headers: response.headers, text });
        }, fail);
      });
      request.end(exchange.body);
    });
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = null;
  }

  async #open({ method, path, headers, body }: Exchange): Promise<ClientRequest> {
    const all: OutgoingHttpHeaders = { accept: 'application/json', ...this.headers, ...headers };
    if (body !== undefined) all['content-length'] = Buffer.byteLength(body);
    if (this.location.kind === 'unix') {
      const { Agent, request } = await import('node:http');
      this.#agent ??= new Agent({ keepAlive: true });
      const agent = this.#agent as InstanceType<typeof Agent>;
      const options: RequestOptions = { agent, socketPath: this.location.path, method, path };
      return request({ ...options, headers: { host: 'baton', ...all } });
    }
    const { Agent, request } = await import('node:https');
    this.#agent ??= new Agent({ keepAlive: true });
    const agent = this.#agent as InstanceType<typeof Agent>;
    const { host, port } = this.location;
    const options = { agent, host, port, method, path, ...this.tls };
    return request({ ...options, headers: { host: authorityOf(this.location), ...all } });
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new ProtocolError(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error('the answer ends before its end');
  return Buffer.concat(chunks).toString('utf8');
}
