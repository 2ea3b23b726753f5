/**
 * What all routes have in common. A query that a route does not name is refused, not ignored. A path that is known
 * is answered 405 with the methods it has, not 404.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import { Problem } from './common-schemas.js';
import { sendProblem } from './error-handler.js';
import { strict } from './schema-words.js';

const NoQuery = Type.Object({}, strict);

interface Known {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** To be called before any route is added. */
export function keepRouteTable(app: FastifyInstance): void {
  const table = new Map<string, Known>();
  app.addHook('onRoute', (route) => {
    const schema: FastifySchema = route.schema ?? {};
    schema.querystring ??= NoQuery;
    schema.response = { '4xx': Problem, ...(schema.response as object | undefined) };
    route.schema = schema;
    const known = table.get(route.url) ?? { pattern: patternOf(route.url), methods: new Set() };
    for (const method of [route.method].flat()) known.methods.add(method.toUpperCase());
    table.set(route.url, known);
  });
  app.setNotFoundHandler((request, reply) => notFound([...table.values()], request, reply));
}

/** Parameters are one segment of a path, or with `*` the rest of it. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const pattern = escaped.replace(/:[A-Za-z]+/g, '[^/]+').replaceAll('*', '.*');
  return new RegExp(`^${pattern}/?$`);
}

function notFound(table: readonly Known[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [path = ''] = request.url.split('?', 1);
  const methods = table.filter(({ pattern }) => pattern.test(path)).flatMap((known) => [...known.methods]);
  const asked = `${request.method} ${request.url.slice(0, 200)}`;
  /* A file that is not there has the method, and no path. */
  if (methods.length > 0 && !methods.includes(request.method)) {
    const allowed = [...new Set(methods)].sort().join(', ');
    reply.header('allow', allowed);
    const message = `expected ${allowed} on this path, got ${asked}`;
    return sendProblem(reply, request, new BatonError('method_not_allowed', message));
  }
  const message = `there is no ${asked}: GET /v1/openapi.json lists what there is`;
  return sendProblem(reply, request, new BatonError('route_not_found', message));
}
