/**
 * What watches the daemon itself asks for: /healthz (its event loop turns), /readyz (it can do its work), /metrics. Below
 * the root, as monitors expect them. The first two tell nothing of machines, so anyone may ask.
 */
import { Type } from 'typebox';
import { Readiness } from '../metrics/readiness.js';
import { Scrape } from '../metrics/scrape.js';
import { Problem } from './common-schemas.js';
import type { ServerOptions, TypedServer } from './server.js';

const Healthy = Type.Object({ status: Type.Literal('ok', { description: 'It answers' }) });
const Ready = Type.Object({
  status: Type.Enum(['ready', 'not-ready'], { type: 'string', description: 'Whether it can do its work' }),
  reasons: Type.Array(
    Type.Object({
      code: Type.String({ description: 'For programs' }),
      message: Type.String({ description: 'For people' }),
    }),
    { description: 'Why not' },
  ),
});

const NEVER_STORED = ['cache-control', 'no-store'] as const;

export async function monitoringRoutes(app: TypedServer, options: ServerOptions): Promise<void> {
  const { services, supervisor, feed, metrics } = options;
  const { store, builds, stateDir } = services;
  const scrape = new Scrape({ store, builds, feed }, metrics);
  const readiness = new Readiness({ store, stateDir, isStopping: () => supervisor.isStopping });

  app.get(
    '/healthz',
    {
      config: { role: 'anyone' },
      schema: { summary: 'Whether the daemon answers at all', response: { 200: Healthy } },
    },
    async (_request, reply) => reply.header(...NEVER_STORED).send({ status: 'ok' }),
  );

  app.get(
    '/readyz',
    {
      config: { role: 'anyone' },
      schema: {
        summary: 'Whether the daemon can do its work: inventory taken up and writable, room on its disk',
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const reasons = await readiness.reasons();
      const isReady = reasons.length === 0;
      return reply
        .code(isReady ? 200 : 503)
        .header(...NEVER_STORED)
        .send({ status: isReady ? 'ready' : 'not-ready', reasons });
    },
  );

  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Metrics in the text format of Prometheus',
        response: {
          200: Type.String({ description: 'See docs/metrics.md' }),
          '4xx': Problem,
          '5xx': Problem,
        },
        produces: ['text/plain'],
      },
    },
    async (_request, reply) => {
      const text = await scrape.text();
      return reply
        .type(scrape.contentType)
        .header(...NEVER_STORED)
        .send(text);
    },
  );
}
