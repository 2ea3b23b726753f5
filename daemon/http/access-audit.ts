/**
 * Tells the audit of every request that is not a read, of each that was refused, and of consoles that were opened.
 * What is told is told before the answer goes out; of a request that waits for the end of what it has begun, before
 * it waits, so that no daemon dies with it untold. That one is told once, as 202, unless it ends in a problem.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditLog } from '../access/audit-log.js';
import { origin } from '../access/authenticator.js';
import { type Caller, requesterName } from '../access/principal.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What was asked for is under way, and is waited for now. */
    tellBegun(): void;
    isToldAsBegun: boolean;
  }
  interface FastifyContextConfig {
    /** A read that is told of all the same. */
    audited?: boolean;
  }
}

const REFUSALS = [401, 403, 429];
const BEGUN = 202;
const PROBLEMS = 400;
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

  app.decorateRequest('isToldAsBegun', false);
  app.decorateRequest('tellBegun', function (this: FastifyRequest) {
    if (isRead(this) || this.isToldAsBegun) return;
    this.isToldAsBegun = true;
    tell(this, BEGUN);
  });

  app.addHook('onSend', async (request, { statusCode }) => {
    if (request.isToldAsBegun && statusCode < PROBLEMS) return;
    if (!isRead(request) || REFUSALS.includes(statusCode)) tell(request, statusCode);
  });

  app.websocketServer.on('connection', (_socket, raw: IncomingMessage) => {
    const request = upgraded.get(raw);
    if (request !== undefined) tell(request, SWITCHING_PROTOCOLS);
  });

  app.addHook('onClose', async () => audit.flush());
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}
