/**
 * One WebSocket to the daemon: what `ws` gives, with the client's credentials, a heartbeat that notices a daemon that is
 * gone without a word, and refusals as the client's errors.
 */
import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import { ConnectionLostError, ProblemError, ProtocolError, problemOf, UnreachableError } from './errors.js';
import { authorityOf } from './location.js';
import type { Transport } from './transport.js';

const HANDSHAKE_DEADLINE_MS = 10_000;
const HEARTBEAT_MS = 15_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

export interface ChannelEnd {
  readonly code: number;
  readonly reason: string;
}

export interface Channel {
  readonly socket: WebSocket;
  /** Resolves when it is over, whoever ended it. */
  readonly closed: Promise<ChannelEnd>;
  close(): void;
}

export type OnMessage = (data: Buffer, isBinary: boolean) => void;

/** `path` with its query. `onMessage` is told from the very first message on. */
export async function openChannel(
  transport: Transport,
  path: string,
  onMessage: OnMessage,
): Promise<Channel> {
  const { WebSocket } = await import('ws');
  const { location } = transport;
  const url =
    location.kind === 'unix' ? `ws+unix:${location.path}:${path}` : `wss://${authorityOf(location)}${path}`;
  const socket = new WebSocket(url, {
    handshakeTimeout: HANDSHAKE_DEADLINE_MS,
    perMessageDeflate: false,
    headers: transport.headers,
    ...transport.tls,
  });
  socket.on('message', (data: RawData, isBinary: boolean) => onMessage(data as Buffer, isBinary));
  await opened(socket, transport);
  const stopHeartbeat = keepAlive(socket);
  socket.on('error', () => socket.terminate());
  const closed = new Promise<ChannelEnd>((resolve) => {
    socket.once('close', (code: number, reason: Buffer) => {
      stopHeartbeat();
      resolve({ code, reason: String(reason) });
    });
  });
  return { socket, closed, close: () => socket.terminate() };
}

function opened(socket: WebSocket, { location }: Transport): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error: Error & { code?: string }) => {
      const isSystem = error.code !== undefined && error.code !== 'ECONNRESET';
      reject(
        isSystem
          ? new UnreachableError(location, error)
          : new ConnectionLostError(`no session was opened: ${error.message}`, { cause: error }),
      );
    });
    socket.once('unexpected-response', (_request: unknown, response: IncomingMessage) => {
      const refuse = (text: string) => {
        const status = response.statusCode ?? 0;
        const problem = problemOf(status, text);
        reject(
          problem === null
            ? new ProtocolError(`expected a WebSocket, got status ${status}`)
            : new ProblemError(problem),
        );
        socket.terminate();
      };
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text = (text + chunk).slice(0, MAX_REFUSAL_BYTES);
      });
      response.on('end', () => refuse(text));
      response.on('error', () => refuse(text));
    });
  });
}

type Beating = Pick<WebSocket, 'on' | 'ping' | 'terminate' | 'isPaused' | 'readyState' | 'OPEN'>;

/** Pings; a daemon that has answered none until the next one is gone. While we do not read we cannot hear it. */
export function keepAlive(socket: Beating, everyMs = HEARTBEAT_MS): () => void {
  let isHeard = true;
  socket.on('pong', () => {
    isHeard = true;
  });
  const timer = setInterval(() => {
    if (!isHeard && !socket.isPaused) socket.terminate();
    isHeard = socket.isPaused;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, everyMs).unref();
  return () => clearInterval(timer);
}
