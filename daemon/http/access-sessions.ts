/** WebSockets, event streams and long answers end with what their caller proved itself with; streams are counted. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import type { Caller } from '../access/principal.js';
import type { Sessions } from '../access/sessions.js';
import { type BatonError, problemBody } from '../errors.js';
import { asksForEvents } from './event-source.js';

/** Private close codes; the frame before says the same as a problem. */
const CLOSE_UNAUTHENTICATED = 4401;
const CLOSE_TOO_MANY = 4429;
const CLOSE_DEADLINE_MS = 1_000;

export function followSessions(
  app: FastifyInstance,
  { sessions, tokens }: { sessions: Sessions; tokens: { onRevoked(listener: (id: string) => void): void } },
): void {
  const callers = new WeakMap<IncomingMessage, Caller>();
  tokens.onRevoked((id) => sessions.revoked(id));

  app.addHook('onRequest', async (request, reply) => {
    const { principal, raw, ws } = request;
    const isStream = ws || asksForEvents(request.headers);
    if (isStream) sessions.requireRoom(principal);
    if (ws) callers.set(raw, principal);
    else if (isStream || (principal.credential !== null && request.method === 'GET')) {
      const end = () => reply.raw.destroy();
      const leave = isStream ? sessions.enterStream(principal, end) : sessions.enter(principal, end);
      reply.raw.once('close', leave);
    }
  });

  app.websocketServer.on('connection', (socket: WebSocket, raw: IncomingMessage) => {
    const caller = callers.get(raw);
    if (caller === undefined) {
      socket.terminate();
      return;
    }
    try {
      sessions.requireRoom(caller);
      socket.once(
        'close',
        sessions.enterStream(caller, (reason) => cut(socket, CLOSE_UNAUTHENTICATED, reason)),
      );
    } catch (error) {
      cut(socket, CLOSE_TOO_MANY, error as BatonError);
    }
  });
}

/** What it says from now on is not heard any more. */
function cut(socket: WebSocket, code: number, reason: BatonError): void {
  socket.removeAllListeners('message');
  socket.send(JSON.stringify({ error: problemBody(reason) }));
  socket.close(code, reason.code);
  setTimeout(() => socket.terminate(), CLOSE_DEADLINE_MS).unref();
}
