/**
 * A loopback address of its own for /metrics, /healthz and /readyz, over plain HTTP and without a credential, as scrapers
 * and probes of this host like it. Nothing else is served there, and nothing from elsewhere can reach it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

export interface MetricsPlace {
  readonly address?: string;
  readonly port: number;
}

const DEFAULT_METRICS_ADDRESS = '127.0.0.1';
const SERVED = ['/metrics', '/healthz', '/readyz'];
/** Scrapers keep one connection, probes none. */
const MAX_CONNECTIONS = 32;
const REQUEST_DEADLINE_MS = 10_000;

/** Resolves, when it listens, with how to end that. */
export async function openMetricsPlace(
  app: FastifyInstance,
  place: MetricsPlace | undefined,
): Promise<() => Promise<void>> {
  if (place === undefined) return async () => undefined;
  const server = createServer({ requestTimeout: REQUEST_DEADLINE_MS }, (request, response) => {
    answer(app, request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(place.port, place.address ?? DEFAULT_METRICS_ADDRESS);
  await once(server, 'listening');
  return async () => {
    server.close();
    server.closeAllConnections();
  };
}

async function answer(
  app: FastifyInstance,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url?.split('?')[0] ?? '';
  request.resume();
  if (request.method !== 'GET' || !SERVED.includes(url)) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end(`served here: ${SERVED.join(', ')}\n`);
    return;
  }
  const { statusCode, headers, rawPayload } = await app.inject({ method: 'GET', url });
  response.writeHead(statusCode, { 'content-type': headers['content-type'] }).end(rawPayload);
}
