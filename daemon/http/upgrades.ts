/** Upgrades with their phases. */
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import type { Routes } from './server.js';
import { UpgradeView } from './upgrade-schemas.js';
import { upgradeView } from './views.js';

const LISTED = 100;

export const upgradeRoutes: Routes = async (app, { services }) => {
  const { store } = services;

  app.get(
    '/upgrades',
    {
      schema: {
        summary: `The newest ${LISTED} upgrades, newest first`,
        response: { 200: Type.Object({ upgrades: Type.Array(UpgradeView) }) },
      },
    },
    async () => ({ upgrades: store.upgrades.recent(LISTED).map(upgradeView) }),
  );

  app.get(
    '/upgrades/:id',
    {
      schema: {
        summary: 'One upgrade',
        params: IdParams,
        response: { 200: UpgradeView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      const upgrade = store.upgrades.byId(request.params.id);
      if (upgrade === null) {
        throw new BatonError('upgrade_not_found', `there is no upgrade ${request.params.id} (any more)`);
      }
      return upgradeView(upgrade);
    },
  );
};
