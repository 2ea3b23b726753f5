/** What this daemon is and can do. New abilities are listed by name. */
import { Type } from 'typebox';
import { STEPS } from '../upgrade/modes.js';
import { Problem } from './common-schemas.js';
import type { Routes } from './server.js';

const ABILITIES = [
  'machines',
  'suspend',
  'guest-agent',
  'builds',
  'upgrades',
  'operations',
  'events',
  'events-websocket',
  'events-sse',
  'events-filter',
  'metrics',
];

const Root = Type.Object({
  name: Type.Literal('batond', { description: 'What answers' }),
  version: Type.String({ description: 'Version of the daemon' }),
  abilities: Type.Array(Type.String(), { description: 'What this daemon can do, by name' }),
  modes: Type.Array(Type.String(), { description: 'Upgrade modes it offers' }),
  openapi: Type.String({ description: 'Path of the OpenAPI document' }),
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
    }),
  );

  app.get('/openapi.json', { config: { scoped: true }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  );
};
