/** Upgrades with their phases. */
import type { FastifyRequest } from 'fastify';
import { seesMachine } from '../access/principal.js';
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import type { Routes } from './server.js';
import { UpgradesQuery, UpgradeView } from './upgrade-schemas.js';
import { upgradeView } from './views.js';
import { WaitQuery, waitFor, waitMs } from './waiting.js';

/** Of what a request is about one upgrade. */
type Asked = Pick<FastifyRequest<{ Params: { id: string } }>, 'params' | 'principal'>;

export const upgradeRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  const { store } = services;

  const existing = ({ params: { id }, principal }: Asked) => {
    const upgrade = store.upgrades.byId(id);
    if (upgrade !== null && seesMachine(principal, upgrade.machineId)) return upgrade;
    throw new BatonError('upgrade_not_found', `there is no upgrade ${id} (any more)`);
  };

  app.get(
    '/upgrades',
    {
      config: { scoped: true },
      schema: {
        summary: 'Upgrades, newest first',
        querystring: UpgradesQuery,
        response: { 200: pageOf('upgrades', UpgradeView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query, principal }, reply) => {
      const { machine, state, mode, build = null } = query;
      const filter = {
        machine: machine === undefined ? null : supervisor.idOf(machine),
        state: listed(state),
        mode: listed(mode),
        build,
        visible: principal.machines,
      };
      const page = store.upgrades.page(pageAsked('upgrades', query), filter);
      return pageAnswer('upgrades', reply, page, upgradeView);
    },
  );

  app.get(
    '/upgrades/:id',
    {
      config: { scoped: true },
      schema: {
        summary: 'One upgrade; with wait, when it has ended',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: UpgradeView, 202: UpgradeView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const deadlineMs = waitMs(request.query);
      await waitFor(operationEnds, reply, [existing(request)], deadlineMs);
      const upgrade = existing(request);
      const isOver = deadlineMs === null || upgrade.finishedAtMs !== null;
      return reply.code(isOver ? 200 : 202).send(upgradeView(upgrade));
    },
  );
};
