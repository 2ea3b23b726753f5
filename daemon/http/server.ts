/**
 * The REST and WebSocket interface. Strict where Fastify is lenient: unknown members and wrong types in a body
 * are refused instead of dropped or converted. Built here, bound to a socket elsewhere, so that tests inject.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Access } from '../access/access.js';
import { OperationEnds } from '../machines/operation-ends.js';
import type { Services } from '../machines/services.js';
import type { Supervisor } from '../machines/supervisor.js';
import type { Metrics } from '../metrics/metrics.js';
import { addAccess } from './access.js';
import { auditRoutes } from './audit.js';
import { buildRoutes } from './builds.js';
import { consoleRoutes } from './console.js';
import { addDocs, openDocs } from './docs.js';
import { answerToBrokenHttp, handleError } from './error-handler.js';
import type { EventFeed } from './event-feed.js';
import { eventRoutes } from './events.js';
import { guestRoutes } from './guest.js';
import { hostRoutes } from './host.js';
import { addIdempotency } from './idempotency.js';
import { instanceRoutes } from './instances.js';
import { machineActionRoutes } from './machine-actions.js';
import { machineRoutes } from './machines.js';
import { showMade } from './made.js';
import { monitoringRoutes } from './monitoring.js';
import { addOpenapi } from './openapi.js';
import { operationRoutes } from './operations.js';
import { measureRequests } from './request-durations.js';
import { rootRoutes } from './root.js';
import { keepRouteTable } from './route-table.js';
import { tokenRoutes } from './tokens.js';
import { upgradeRoutes } from './upgrades.js';
import { buildSerializer, buildValidator } from './validation.js';
import { whoamiRoutes } from './whoami.js';

/** The largest honest body is a machine document of a few KiB. */
const BODY_LIMIT_BYTES = 256 * 1024;
const REQUEST_DEADLINE_MS = 30_000;
const HEADERS_DEADLINE_MS = 10_000;
/** How often Node looks for connections that are beyond these. */
const DEADLINES_CHECKED_MS = 2_000;
/** Of the unix socket. */
const MAX_CONNECTIONS = 1_024;
/** Frames come from console sessions: a paste. */
const MAX_FRAME_BYTES = 64 * 1024;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_DEADLINE_MS = 500;

export interface ServerOptions {
  readonly services: Services;
  readonly supervisor: Supervisor;
  readonly version: string;
  readonly access: Access;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
}

/** Subscribers learn that they can come back; one that does not answer the close is not waited for. */
function sendAway(this: FastifyInstance, done: () => void): void {
  const { clients } = this.websocketServer;
  for (const client of clients) client.close(CLOSE_GOING_AWAY, 'the daemon is stopping');
  setTimeout(() => {
    for (const client of clients) client.terminate();
  }, CLOSE_DEADLINE_MS).unref();
  done();
}

/** What every route file gets. */
export interface RouteOptions extends ServerOptions {
  readonly operationEnds: OperationEnds;
}

export type Routes = (app: TypedServer, options: RouteOptions) => Promise<void>;

export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { services, version } = options;
  const operationEnds = new OperationEnds(services.store);
  const app = Fastify({
    loggerInstance: services.log.child({ component: 'http' }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_DEADLINE_MS,
    http: { headersTimeout: HEADERS_DEADLINE_MS, connectionsCheckingInterval: DEADLINES_CHECKED_MS },
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: true },
    schemaController: { compilersFactory: { buildValidator, buildSerializer } },
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
    clientErrorHandler(error, socket) {
      if (socket.writable) socket.end(answerToBrokenHttp(error));
      else socket.destroy();
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  measureRequests(app as unknown as FastifyInstance, options.metrics);
  app.server.maxConnections = MAX_CONNECTIONS;
  addIdempotency(app as unknown as FastifyInstance, services, (path) => showMade(services, path));
  app.addHook('preClose', async () => operationEnds.release());
  app.setErrorHandler(handleError);
  keepRouteTable(app as unknown as FastifyInstance);
  await addOpenapi(app as unknown as FastifyInstance, version);
  /* Before the connections are closed: subscribers hear how far they were. */
  app.addHook('preClose', async () => options.feed.close());
  await app.register(websocket, { options: { maxPayload: MAX_FRAME_BYTES }, preClose: sendAway });
  const { machines } = services.store;
  const machineId = (idOrName: string) => (machines.byId(idOrName) ?? machines.byName(idOrName))?.id ?? null;
  openDocs(app as unknown as FastifyInstance);
  await addAccess(app as unknown as FastifyInstance, options.access, machineId);
  await addDocs(app as unknown as FastifyInstance);
  for (const routes of [
    rootRoutes,
    machineRoutes,
    instanceRoutes,
    machineActionRoutes,
    guestRoutes,
    hostRoutes,
    consoleRoutes,
    buildRoutes,
    operationRoutes,
    upgradeRoutes,
    eventRoutes,
    tokenRoutes,
    auditRoutes,
    whoamiRoutes,
  ]) {
    await app.register(
      async (scope) => routes(scope as unknown as TypedServer, { ...options, operationEnds }),
      { prefix: '/v1' },
    );
  }
  await app.register(async (scope) => monitoringRoutes(scope as unknown as TypedServer, options));
  return app as unknown as FastifyInstance;
}

export type TypedServer = ReturnType<typeof typed>;

function typed(app: FastifyInstance) {
  return app.withTypeProvider<TypeBoxTypeProvider>();
}
