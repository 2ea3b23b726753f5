/** What can be asked of all machines of this host at once: answers 202 with the operations to follow. */
import type { FastifyReply } from 'fastify';
import { Problem } from './common-schemas.js';
import { HostAnswer } from './operation-schemas.js';
import type { Routes } from './server.js';
import { operationView } from './views.js';
import { type WaitAsked, WaitQuery, waitFor, waitMs } from './waiting.js';

export const hostRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  const perform = async (
    reply: FastifyReply,
    query: WaitAsked,
    ask: () => ReturnType<typeof supervisor.suspendAll>,
  ) => {
    const deadlineMs = waitMs(query);
    const { operations: begun, refused } = ask();
    await waitFor(operationEnds, reply, begun, deadlineMs);
    const operations = begun.map((operation) => services.store.operations.byId(operation.id) ?? operation);
    const isOver = deadlineMs !== null && operations.every(({ state }) => state !== 'running');
    const answer = { operations: operations.map(operationView), refused: [...refused] };
    return reply.code(isOver ? 200 : 202).send(answer);
  };
  const schema = {
    querystring: WaitQuery,
    response: { 200: HostAnswer, 202: HostAnswer, '4xx': Problem, '5xx': Problem },
  };

  app.post(
    '/host/suspend',
    {
      config: { idempotency: 'redo' },
      schema: {
        summary: 'Suspend all machines that have a guest, as before a reboot of the host; a few at a time',
        ...schema,
      },
    },
    async ({ query }, reply) => perform(reply, query, () => supervisor.suspendAll()),
  );

  app.post(
    '/host/restore',
    {
      config: { idempotency: 'redo' },
      schema: { summary: 'Restore all suspended machines, each on its build; a few at a time', ...schema },
    },
    async ({ query }, reply) => perform(reply, query, () => supervisor.restoreAll()),
  );
};
