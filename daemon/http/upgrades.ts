/** Upgrades with their phases. */
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import type { Routes } from './server.js';
import { UpgradesQuery, UpgradeView } from './upgrade-schemas.js';
import { upgradeView } from './views.js';
import { WaitQuery, waitFor, waitMs } from './waiting.js';

export const upgradeRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  const { store } = services;

  const existing = (id: string) => {
    const upgrade = store.upgrades.byId(id);
    if (upgrade !== null) return upgrade;
    throw new BatonError('upgrade_not_found', `there is no upgrade ${id} (any more)`);
  };

  app.get(
    '/upgrades',
    {
      schema: {
        summary: 'Upgrades, newest first',
        querystring: UpgradesQuery,
        response: { 200: pageOf('upgrades', UpgradeView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query }, reply) => {
      const { machine, state, mode, build = null } = query;
      const filter = {
        machine: machine === undefined ? null : supervisor.idOf(machine),
        state: listed(state),
        mode: listed(mode),
        build,
      };
      const page = store.upgrades.page(pageAsked('upgrades', query), filter);
      return pageAnswer('upgrades', reply, page, upgradeView);
    },
  );

  app.get(
    '/upgrades/:id',
    {
      schema: {
        summary: 'One upgrade; with wait, when it has ended',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: UpgradeView, 202: UpgradeView, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ params, query }, reply) => {
      const deadlineMs = waitMs(query);
      await waitFor(operationEnds, reply, [existing(params.id)], deadlineMs);
      const upgrade = existing(params.id);
      const isOver = deadlineMs === null || upgrade.finishedAtMs !== null;
      return reply.code(isOver ? 200 : 202).send(upgradeView(upgrade));
    },
  );
};
