/** Operations: what was asked for and how it went. */
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import { OperationsQuery, OperationView } from './operation-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import { operationPath } from './paths.js';
import type { Routes } from './server.js';
import { operationView } from './views.js';
import { statusOf, WaitQuery, waitFor, waitMs } from './waiting.js';

const problems = { '4xx': Problem, '5xx': Problem };

export const operationRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  const { store } = services;

  const existing = (id: string) => {
    const operation = store.operations.byId(id);
    if (operation !== null) return operation;
    throw new BatonError('operation_not_found', `there is no operation ${id} (any more)`);
  };

  app.get(
    '/operations',
    {
      schema: {
        summary: 'Operations, newest first',
        querystring: OperationsQuery,
        response: { 200: pageOf('operations', OperationView), ...problems },
      },
    },
    async ({ query }, reply) => {
      const { machine, state, kind } = query;
      const filter = {
        machine: machine === undefined ? null : supervisor.idOf(machine),
        state: listed(state),
        kind: listed(kind),
      };
      const page = store.operations.page(pageAsked('operations', query), filter);
      return pageAnswer('operations', reply, page, operationView);
    },
  );

  app.get(
    '/operations/:id',
    {
      schema: {
        summary: 'One operation; with wait, when it has ended',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: OperationView, 202: OperationView, ...problems },
      },
    },
    async ({ params, query }, reply) => {
      const deadlineMs = waitMs(query);
      await waitFor(operationEnds, reply, [existing(params.id)], deadlineMs);
      const operation = existing(params.id);
      const isOver = deadlineMs === null || operation.state !== 'running';
      return reply.code(isOver ? 200 : 202).send(operationView(operation));
    },
  );

  app.post(
    '/operations/:id/cancel',
    {
      schema: {
        summary: 'Cancel an upgrade; it ends as cancelled when the source is as before',
        description:
          'An upgrade can be cancelled until its commit. After it, and for every other kind of operation, the answer is 409 not_cancellable, whose pointOfNoReturn says why: passed, or none. An upgrade that ends for another reason meanwhile ends with that one.',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: OperationView, 202: OperationView, ...problems },
      },
    },
    async ({ params, query }, reply) => {
      const deadlineMs = waitMs(query);
      const { id, machineId, state } = existing(params.id);
      if (state !== 'running')
        throw new BatonError('not_cancellable', `operation ${id} has ended as ${state}`);
      supervisor.actor(machineId).cancel(id);
      await waitFor(operationEnds, reply, [{ id }], deadlineMs);
      const operation = existing(id);
      return reply
        .code(statusOf(operation.state, deadlineMs))
        .header('location', operationPath(id))
        .send(operationView(operation));
    },
  );
};
