/**
 * How long requests take, by the pattern of their route. A stream lasts as long as its reader wants, and a request with
 * `?wait=` as long as what it waits for: neither says anything of the daemon.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';
import { asksForEvents } from './event-source.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const MS_PER_S = 1_000;

/** Before any route is added. */
export function measureRequests(app: FastifyInstance, { requestDuration }: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (!asksToWait(request) && !asksForEvents(request.headers)) {
      const { method } = request;
      const labels = {
        method: METHODS.includes(method) ? method : 'other',
        route: request.routeOptions.url ?? 'none',
        status: reply.statusCode,
      };
      requestDuration.observe(labels, reply.elapsedTime / MS_PER_S);
    }
    done();
  });
}

function asksToWait({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'wait' in query;
}
