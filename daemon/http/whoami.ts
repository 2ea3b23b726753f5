/** Who asks, as the daemon sees it. */
import { Type } from 'typebox';
import { ROLES, VIAS } from '../access/principal.js';
import { Problem } from './common-schemas.js';
import { integerOrNull, textOrNull, words } from './schema-words.js';
import type { Routes } from './server.js';

const CallerView = Type.Object({
  name: Type.String({ description: 'What events, operations and the audit call it' }),
  via: words(VIAS, 'How that is known'),
  role: words(ROLES, 'What it may do'),
  uid: integerOrNull('Number of the user, on the unix socket'),
  address: textOrNull('Where it comes from, on the network'),
  machines: Type.Unsafe<string[] | null>({
    type: ['array', 'null'],
    items: { type: 'string' },
    description: 'Ids of the only machines that it may know of; null: all',
  }),
  credential: textOrNull('Id of its token, or fingerprint of its certificate'),
  expiresAt: textOrNull('When that ends, RFC 3339, UTC; null: not by itself'),
});

export const whoamiRoutes: Routes = async (app) => {
  app.get(
    '/whoami',
    {
      config: { scoped: true },
      schema: {
        summary: 'Who asks, and what that one may',
        response: { 200: CallerView, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ principal: { machines, expiresAtMs, ...caller } }) => ({
      ...caller,
      machines: machines && [...machines],
      expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    }),
  );
};
