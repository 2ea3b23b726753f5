/** What this daemon is and can do. New abilities are listed by name. */
import { Type } from 'typebox';
import { STEPS } from '../upgrade/modes.js';
import { Problem } from './common-schemas.js';
import type { Routes } from './server.js';

const ABILITIES = [
  'machines',
  'machine-revisions',
  'labels',
  'suspend',
  'adoption',
  'consoles',
  'guest-agent',
  'builds',
  'upgrades',
  'preflight',
  'operations',
  'waiting',
  'pages',
  'dry-run',
  'idempotency-keys',
  'host',
  'host-validation',
  'events',
  'events-websocket',
  'events-sse',
  'events-filter',
  'metrics',
  'tokens',
  'client-certificates',
  'audit',
];

const Root = Type.Object({
  name: Type.Literal('batond', { description: 'What answers' }),
  version: Type.String({ description: 'Version of the daemon' }),
  abilities: Type.Array(Type.String(), { description: 'What this daemon can do, by name' }),
  modes: Type.Array(Type.String(), { description: 'Upgrade modes it offers' }),
  openapi: Type.String({ description: 'Path of the OpenAPI document' }),
  docs: Type.String({ description: 'Path of the same to browse' }),
});

export const rootRoutes: Routes = async (app, { version }) => {
  app.get(
    '/',
    {
      prefixTrailingSlash: 'no-slash',
      config: { scoped: true },
      schema: { summary: 'About this daemon', response: { 200: Root, '4xx': Problem } },
    },
    async () => ({
      name: 'batond' as const,
      version,
      abilities: ABILITIES,
      modes: [...STEPS.keys()],
      openapi: '/v1/openapi.json',
      docs: '/docs',
    }),
  );

  app.get('/openapi.json', { config: { role: 'anyone' }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').send(app.openapiText()),
  );
};
