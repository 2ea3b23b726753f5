/**
 * Who may what, decided before anything of a request but its head is read. A route says in its `config` the least role
 * that it asks for; one that does not asks for a viewer when it only reads, and for an operator when it does not. The
 * routes that need more than that say so.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.js';
import { DEFAULT_LIMITS } from '../access/limits.js';
import { type Caller, IN_PROCESS, includesRole, type Role, seesMachine } from '../access/principal.js';
import { asRequester } from '../access/requester.js';
import { BatonError } from '../errors.js';
import { addAudit } from './access-audit.js';
import { addLimits } from './access-limits.js';
import { followSessions } from './access-sessions.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Known from `onRequest` on. */
    principal: Caller;
  }
  interface FastifyContextConfig {
    /** The least role that may; `anyone`: who asks does not matter. */
    role?: Role | 'anyone';
    /** A route that is not below one machine: it sees to it that a caller who may know of some machines only is told of those only. */
    scoped?: boolean;
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
  readonly scoped: boolean;
}

const READS = ['GET', 'HEAD', 'OPTIONS'];
/** For routes that are for anyone. */
const ANYONE: Caller = { ...IN_PROCESS, name: 'anyone', role: 'viewer', machines: [] };

function reads(method: string): boolean {
  return READS.includes(method);
}

/** Before any route is added, after WebSockets. */
export async function addAccess(
  app: FastifyInstance,
  access: Access,
  /** The id of what is called so; null: nothing is. */
  machineId: (idOrName: string) => string | null,
): Promise<void> {
  const limiter = await addLimits(app, { ...DEFAULT_LIMITS, ...access.limits });
  app.decorate('routeRights', []);
  app.decorateRequest('principal');

  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    const role = route.config?.role ?? (methods.every(reads) ? 'viewer' : 'operator');
    route.config = { ...route.config, role };
    const scoped = route.config.scoped ?? false;
    for (const method of methods) app.routeRights.push({ method, url: route.url, role, scoped });
  });

  app.addHook('onRequest', async (request, reply) => {
    await limiter.arrive(request, reply);
    requireSameSite(request);
    /* That a route is not there is not for everybody to know either. */
    const least = request.routeOptions.config.role ?? 'viewer';
    if (least === 'anyone') {
      request.principal = ANYONE;
      await limiter.enterOpen(request, reply);
      return;
    }
    try {
      request.principal = access.authenticator.identify(request.raw);
    } catch (error) {
      await limiter.fail(request, reply);
      throw error;
    }
    await limiter.enter(request, reply);
    requireRole(request, least);
    requireInScope(request, machineId);
  });

  /* Not earlier: the context does not outlive the reading of a body. */
  app.addHook('preValidation', (request, _reply, done) => asRequester(request.principal, done));

  followSessions(app, access);
  addAudit(app, access.audit);
}

/** A browser shows the certificate of its user to whatever site has it ask: what another site asks for is refused. */
function requireSameSite({ headers: { origin, host } }: FastifyRequest): void {
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new BatonError(
    'forbidden',
    `expected no request of another site, got one of ${origin.slice(0, 200)}`,
  );
}

/** For what a route asks for beyond its `config`, by what was asked. */
export function requireRole({ principal, method }: FastifyRequest, least: Role): void {
  if (includesRole(principal.role, least)) return;
  const message = `this ${method} asks for the role ${least}, and ${principal.name} has the role ${principal.role}`;
  throw new BatonError('forbidden', message, { details: { role: principal.role, leastRole: least } });
}

/** For what is not for callers who may know of some machines only. */
export function requireUnscoped({ principal, method }: FastifyRequest): void {
  if (principal.machines === null) return;
  const message = `this ${method} is not for one machine, and ${principal.name} is limited to machines`;
  throw new BatonError('forbidden', message, { details: { machines: principal.machines } });
}

/** Other machines are not there; what is about no machine is refused unless it says what it does about that. */
function requireInScope(request: FastifyRequest, machineId: (idOrName: string) => string | null): void {
  const { principal, params, routeOptions } = request;
  if (principal.machines === null || routeOptions.config.scoped) return;
  const named = params as { machine?: string };
  const { machine } = named;
  if (machine === undefined) {
    requireUnscoped(request);
    return;
  }
  const id = machineId(machine);
  if (id === null || !seesMachine(principal, id)) {
    throw new BatonError('machine_not_found', `there is no machine with id or name ${machine}`);
  }
  /* This one is meant, also if another has its name by the time the body is read. */
  named.machine = id;
}
