/**
 * Tells the audit of every request that is not a read, of each that was refused, and of consoles that were opened.
 * What is told is told before the answer goes out.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditLog } from '../access/audit-log.js';
import { origin } from '../access/authenticator.js';
import { type Caller, requesterName } from '../access/principal.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A read that is told of all the same. */
    audited?: boolean;
  }
}

const REFUSALS = [401, 403, 429];
const SWITCHING_PROTOCOLS = 101;
const MAX_SUBJECT = 300;

export function addAudit(app: FastifyInstance, audit: AuditLog): void {
  const upgraded = new WeakMap<IncomingMessage, FastifyRequest>();

  const tell = (request: FastifyRequest, status: number) => {
    /* Not known to who was refused for it. */
    const caller = request.principal as Caller | undefined;
    const [path = ''] = request.url.split('?', 1);
    audit.record({
      requester: caller === undefined ? 'unknown' : requesterName(caller),
      role: caller?.role ?? null,
      credential: caller?.credential ?? null,
      origin: origin(request.raw.socket),
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      subject: path.slice(0, MAX_SUBJECT),
      status,
    });
  };

  app.addHook('onRequest', async (request) => {
    if (request.ws && request.routeOptions.config.audited) upgraded.set(request.raw, request);
  });

  app.addHook('onSend', async (request, reply) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || REFUSALS.includes(reply.statusCode)) tell(request, reply.statusCode);
  });

  app.websocketServer.on('connection', (_socket, raw: IncomingMessage) => {
    const request = upgraded.get(raw);
    if (request !== undefined) tell(request, SWITCHING_PROTOCOLS);
  });

  app.addHook('onClose', async () => audit.flush());
}
