/**
 * The host: what it has, whether it is fit, and what can be asked of all its machines at once, which answers 202 with the
 * operations to follow.
 */
import type { FastifyReply } from 'fastify';
import { checkHost } from '../host/checks.js';
import { readHostFacts } from '../host/facts.js';
import { Problem } from './common-schemas.js';
import { HostValidation, HostView } from './host-schemas.js';
import { HostAnswer, HostShutdownBody } from './operation-schemas.js';
import type { Routes } from './server.js';
import { hostView, operationView } from './views.js';
import { type WaitAsked, WaitQuery, waitFor, waitMs } from './waiting.js';

export const hostRoutes: Routes = async (app, { services, supervisor, operationEnds, version }) => {
  const { store, builds } = services;

  const perform = async (
    reply: FastifyReply,
    query: WaitAsked,
    ask: () => ReturnType<typeof supervisor.suspendAll>,
  ) => {
    const deadlineMs = waitMs(query);
    const { operations: begun, refused } = ask();
    await waitFor(operationEnds, reply, begun, deadlineMs);
    const operations = begun.map((operation) => store.operations.byId(operation.id) ?? operation);
    const isOver = deadlineMs !== null && operations.every(({ state }) => state !== 'running');
    const answer = { operations: operations.map(operationView), refused: [...refused] };
    return reply.code(isOver ? 200 : 202).send(answer);
  };
  const schema = {
    querystring: WaitQuery,
    response: { 200: HostAnswer, 202: HostAnswer, '4xx': Problem, '5xx': Problem },
  };

  app.get(
    '/host',
    {
      schema: {
        summary: 'What this host has, and how many machines do what',
        response: { 200: HostView, '4xx': Problem, '5xx': Problem },
      },
    },
    async () => hostView(await readHostFacts(services), version, store.machines.countsByState()),
  );

  app.get(
    '/host/validate',
    {
      schema: {
        summary: 'Look whether this host is fit to run machines, and if not, what would help',
        response: { 200: HostValidation, '4xx': Problem, '5xx': Problem },
      },
    },
    async () => {
      const facts = await readHostFacts(services);
      const inventory = { ...store.machines.memoryUse(), builds: await builds.lookAtAll() };
      return { checks: checkHost(facts, inventory) };
    },
  );

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
    '/host/shutdown',
    {
      config: { idempotency: 'redo' },
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        summary:
          'Take all machines down as their documents say (onHostShutdown); asked again, how far that is',
        body: HostShutdownBody,
        ...schema,
      },
    },
    async ({ query, body: { powerdownMs = services.shutdownDeadlineMs } }, reply) =>
      perform(reply, query, () => supervisor.goDown(powerdownMs)),
  );

  app.post(
    '/host/boot',
    {
      config: { idempotency: 'redo' },
      schema: {
        summary: 'Bring all machines back as their documents say (onHostBoot), as after a boot of the host',
        ...schema,
      },
    },
    async ({ query }, reply) => perform(reply, query, () => supervisor.comeUp()),
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
