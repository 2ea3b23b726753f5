/** What can be asked of a machine: each answers 202 with the operation to follow. */
import type { FastifyReply } from 'fastify';
import type { MachineActor } from '../machines/actor.js';
import type { Operation } from '../operation.js';
import { MachineParams, OperationView, Problem, StopBody, UpgradeBody } from './schemas.js';
import type { Routes } from './server.js';
import { operationPath, operationView } from './views.js';

const SIMPLE: Readonly<
  Record<'start' | 'kill' | 'pause' | 'resume', { summary: string; ask: (actor: MachineActor) => Operation }>
> = {
  start: { summary: 'Start the machine', ask: (actor) => actor.start() },
  kill: { summary: 'End its VMM at once, as pulling the plug does', ask: (actor) => actor.kill() },
  pause: { summary: 'Stop its vCPUs', ask: (actor) => actor.pause() },
  resume: { summary: 'Let its vCPUs run again', ask: (actor) => actor.resume() },
};

const response = { 202: OperationView, '4xx': Problem };
const DEFAULT_POWERDOWN_MS = 5_000;

function accepted(reply: FastifyReply, operation: Operation) {
  return reply.code(202).header('location', operationPath(operation.id)).send(operationView(operation));
}

export const machineActionRoutes: Routes = async (app, { services, supervisor }) => {
  /* A body that may be left out: nothing is the same as {}. */
  app.addHook('preValidation', async (request) => {
    request.body ??= {};
  });

  for (const [action, { summary, ask }] of Object.entries(SIMPLE)) {
    app.post(
      `/machines/:machine/${action}`,
      { schema: { summary, params: MachineParams, response } },
      async (request, reply) => accepted(reply, ask(supervisor.actor(request.params.machine))),
    );
  }

  app.post(
    '/machines/:machine/stop',
    {
      schema: {
        summary: 'Press its power button; end its VMM if the guest does not power off in time',
        params: MachineParams,
        body: StopBody,
        response,
      },
    },
    async (request, reply) => {
      const { powerdownMs = DEFAULT_POWERDOWN_MS } = request.body;
      return accepted(reply, supervisor.actor(request.params.machine).stop(powerdownMs));
    },
  );

  app.post(
    '/machines/:machine/upgrade',
    {
      schema: {
        summary: 'Move the machine, running, to a new VMM process; follow it at /v1/upgrades/{id} too',
        params: MachineParams,
        body: UpgradeBody,
        response,
      },
    },
    async (request, reply) => {
      const { build = null, mode = 'auto' } = request.body;
      const machine = supervisor.machine(request.params.machine);
      if (build === null) await services.builds.refreshDefault(machine);
      return accepted(reply, supervisor.actor(machine.id).upgrade({ build, mode }));
    },
  );
};
