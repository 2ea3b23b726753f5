/** Operations: what was asked for and how it went. */
import type { FastifyRequest } from 'fastify';
import { seesMachine } from '../access/principal.js';
import { BatonError } from '../errors.js';
import { pointOfNoReturn } from '../operation.js';
import { IdParams, Problem } from './common-schemas.js';
import { OperationsQuery, OperationView } from './operation-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import { operationPath } from './paths.js';
import type { Routes } from './server.js';
import { operationView } from './views.js';
import { statusOf, WaitQuery, waitFor, waitMs } from './waiting.js';

/** Of what a request is about one operation. */
type Asked = Pick<FastifyRequest<{ Params: { id: string } }>, 'params' | 'principal'>;

const problems = { '4xx': Problem, '5xx': Problem };

export const operationRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  const { store } = services;

  const existing = ({ params: { id }, principal }: Asked) => {
    const operation = store.operations.byId(id);
    if (operation !== null && seesMachine(principal, operation.machineId)) return operation;
    throw new BatonError('operation_not_found', `there is no operation ${id} (any more)`);
  };

  app.get(
    '/operations',
    {
      config: { scoped: true },
      schema: {
        summary: 'Operations, newest first',
        querystring: OperationsQuery,
        response: { 200: pageOf('operations', OperationView), ...problems },
      },
    },
    async ({ query, principal }, reply) => {
      const { machine, state, kind } = query;
      const filter = {
        machine: machine === undefined ? null : supervisor.idOf(machine),
        state: listed(state),
        kind: listed(kind),
        visible: principal.machines,
      };
      const page = store.operations.page(pageAsked('operations', query), filter);
      return pageAnswer('operations', reply, page, operationView);
    },
  );

  app.get(
    '/operations/:id',
    {
      config: { scoped: true },
      schema: {
        summary: 'One operation; with wait, when it has ended',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: OperationView, 202: OperationView, ...problems },
      },
    },
    async (request, reply) => {
      const deadlineMs = waitMs(request.query);
      await waitFor(operationEnds, reply, [existing(request)], deadlineMs);
      const operation = existing(request);
      const isOver = deadlineMs === null || operation.state !== 'running';
      return reply.code(isOver ? 200 : 202).send(operationView(operation));
    },
  );

  app.post(
    '/operations/:id/cancel',
    {
      config: { scoped: true },
      schema: {
        summary: 'Cancel an upgrade; it ends as cancelled when the source is as before',
        description:
          'An upgrade can be cancelled until its commit. After it, and for every other kind of operation, the answer is 409 not_cancellable, whose pointOfNoReturn says why: passed, or none. An upgrade that ends for another reason meanwhile ends with that one.',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: OperationView, 202: OperationView, ...problems },
      },
    },
    async (request, reply) => {
      const deadlineMs = waitMs(request.query);
      const before = existing(request);
      const { id, machineId, state } = before;
      if (state !== 'running') {
        const details = { pointOfNoReturn: pointOfNoReturn(before) };
        throw new BatonError('not_cancellable', `operation ${id} has ended as ${state}`, { details });
      }
      supervisor.actor(machineId).cancel(id);
      await waitFor(operationEnds, reply, [{ id }], deadlineMs);
      const operation = existing(request);
      return reply
        .code(statusOf(operation.state, deadlineMs))
        .header('location', operationPath(id))
        .send(operationView(operation));
    },
  );
};
