/**
 * Who may what, decided before anything of a request but its head is read. A route says in its `config` the least role
 * that it asks for; one that does not asks for a viewer when it only reads, and for an operator when it does not. The
 * routes that need more than that say so.
 */
import { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, IN_PROCESS, includesRole, type Role } from '../access/principal.js';
import { asRequester } from '../access/requester.js';
import { unixPeer } from '../access/unix-peer.js';
import { BatonError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Known from `onRequest` on. */
    principal: Caller;
  }
  interface FastifyContextConfig {
    /** The least role that may; `anyone`: who asks does not matter. */
    role?: Role | 'anyone';
  }
  interface FastifyInstance {
    /** What every route asks for. */
    routeRights: RouteRight[];
  }
}

export interface RouteRight {
  readonly method: string;
  readonly url: string;
  readonly role: Role | 'anyone';
}

export interface AccessOptions {
  /** Of those who are let in by the group of the unix socket. */
  readonly groupRole: Role;
}

const READS = ['GET', 'HEAD', 'OPTIONS'];
const NOBODY: Caller = { ...IN_PROCESS, name: 'nobody', role: 'viewer' };

function reads(method: string): boolean {
  return READS.includes(method);
}

/** Before any route is added. */
export function addAccess(app: FastifyInstance, options: AccessOptions): void {
  app.decorate('routeRights', []);
  app.decorateRequest('principal');

  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    const role = route.config?.role ?? (methods.every(reads) ? 'viewer' : 'operator');
    route.config = { ...route.config, role };
    for (const method of methods) app.routeRights.push({ method, url: route.url, role });
  });

  app.addHook('onRequest', async (request) => {
    /* A route that is not there is not told of to everybody either. */
    const least = request.routeOptions.config.role ?? 'viewer';
    if (least === 'anyone') {
      request.principal = NOBODY;
      return;
    }
    request.principal = identify(request, options);
    if (!includesRole(request.principal.role, least)) throw forbidden(request, least);
  });

  /* Not earlier: the context does not outlive the reading of a body. */
  app.addHook('preValidation', (request, _reply, done) => asRequester(request.principal, done));
}

function identify({ raw: { socket } }: FastifyRequest, options: AccessOptions): Caller {
  if (!(socket instanceof Socket)) return IN_PROCESS;
  const caller = unixPeer(socket, options);
  if (caller === null) throw new BatonError('unauthenticated', 'expected a peer with credentials, got none');
  return caller;
}

function forbidden({ principal, method }: FastifyRequest, least: Role): BatonError {
  const message = `this ${method} asks for the role ${least}, and ${principal.name} has the role ${principal.role}`;
  return new BatonError('forbidden', message, { details: { role: principal.role, leastRole: least } });
}
