/** Operations: what was asked for and how it went. */
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import { IdParams, Problem } from './common-schemas.js';
import { OperationView } from './operation-schemas.js';
import type { Routes } from './server.js';
import { operationPath, operationView } from './views.js';

const LISTED = 200;

export const operationRoutes: Routes = async (app, { services, supervisor }) => {
  const { store } = services;

  const existing = (id: string) => {
    const operation = store.operations.byId(id);
    if (operation === null)
      throw new BatonError('operation_not_found', `there is no operation ${id} (any more)`);
    return operation;
  };

  app.get(
    '/operations',
    {
      schema: {
        summary: `The newest ${LISTED} operations, newest first`,
        response: { 200: Type.Object({ operations: Type.Array(OperationView) }) },
      },
    },
    async () => ({ operations: store.operations.recent(LISTED).map(operationView) }),
  );

  app.get(
    '/operations/:id',
    {
      schema: {
        summary: 'One operation',
        params: IdParams,
        response: { 200: OperationView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => operationView(existing(request.params.id)),
  );

  app.post(
    '/operations/:id/cancel',
    {
      schema: {
        summary:
          'Cancel an upgrade that has not committed; it ends as cancelled when the source is as before',
        params: IdParams,
        response: { 202: OperationView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const { id, machineId, state } = existing(request.params.id);
      if (state !== 'running')
        throw new BatonError('not_cancellable', `operation ${id} has ended as ${state}`);
      supervisor.actor(machineId).cancel(id);
      return reply
        .code(202)
        .header('location', operationPath(id))
        .send(operationView(existing(id)));
    },
  );
};
