/** What can be asked of a machine: each answers 202 with the operation to follow, or 200 when it was waited for. */
import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Machine } from '../machine.js';
import type { MachineActor } from '../machines/actor.js';
import type { PreflightQuestion, UpgradeRequest } from '../machines/upgrade-request.js';
import type { Operation } from '../operation.js';
import { MachineParams, NoBody, Problem } from './common-schemas.js';
import { RestoreBody, StopBody } from './machine-schemas.js';
import { OperationView } from './operation-schemas.js';
import { operationPath } from './paths.js';
import type { Routes } from './server.js';
import { PreflightBody, PreflightView, UpgradeBody, UpgradeQuery } from './upgrade-schemas.js';
import { operationView, preflightView } from './views.js';
import { statusOf, type WaitAsked, WaitQuery, waitFor, waitMs } from './waiting.js';

const SIMPLE: Readonly<
  Record<
    'start' | 'kill' | 'pause' | 'resume' | 'suspend' | 'discard',
    { summary: string; ask: (actor: MachineActor) => Operation }
  >
> = {
  start: { summary: 'Start the machine', ask: (actor) => actor.start() },
  kill: { summary: 'End its VMM at once, as pulling the plug does', ask: (actor) => actor.kill() },
  pause: { summary: 'Stop its vCPUs', ask: (actor) => actor.pause() },
  resume: { summary: 'Let its vCPUs run again', ask: (actor) => actor.resume() },
  suspend: {
    summary: 'Save its guest into a file and end its VMM; also for a reboot of the host',
    ask: (actor) => actor.suspend(),
  },
  discard: {
    summary: 'Throw the saved state of a suspended machine away: it is stopped then',
    ask: (actor) => actor.discard(),
  },
};

const response = { 200: OperationView, 202: OperationView, '4xx': Problem, '5xx': Problem };
const DEFAULT_POWERDOWN_MS = 5_000;
const PREFLIGHT_DEADLINE_MS = 180_000;

type UpgradeBodyOf = Static<typeof UpgradeBody>;

function upgradeRequest({ build, mode, allowDowntime, force, ...body }: UpgradeBodyOf): UpgradeRequest {
  return {
    build: build ?? null,
    mode: mode ?? 'auto',
    allowDowntime: allowDowntime ?? false,
    force: force ?? [],
    guest: {
      notify: body.notifyGuest ?? true,
      freeze: body.freezeFilesystems ?? false,
      reason: body.reason ?? null,
    },
  };
}

export const machineActionRoutes: Routes = async (app, { services, supervisor, operationEnds }) => {
  /** Acts, and waits if that was asked for. What is wrong with the question is found before anything is done. */
  const perform = async (
    reply: FastifyReply,
    query: WaitAsked,
    ask: () => Operation | Promise<Operation>,
  ) => {
    const deadlineMs = waitMs(query);
    const begun = await ask();
    await waitFor(operationEnds, reply, [begun], deadlineMs);
    const operation = services.store.operations.byId(begun.id) ?? begun;
    return reply
      .code(statusOf(operation.state, deadlineMs))
      .header('location', operationPath(operation.id))
      .send(operationView(operation));
  };

  /* A body that may be left out: nothing is the same as {}. */
  app.addHook('preValidation', async (request) => {
    request.body ??= {};
  });

  /** Looks for as long as somebody waits for what is seen. */
  const preflight = async (reply: FastifyReply, machine: Machine, asked: PreflightQuestion) => {
    if (asked.build === null) await services.builds.refreshDefault(machine);
    const left = new AbortController();
    reply.raw.once('close', () => left.abort(new Error('the client has gone')));
    const signal = AbortSignal.any([left.signal, AbortSignal.timeout(PREFLIGHT_DEADLINE_MS)]);
    return preflightView(machine.id, await supervisor.actor(machine.id).preflight(asked, signal));
  };

  for (const [action, { summary, ask }] of Object.entries(SIMPLE)) {
    app.post(
      `/machines/:machine/${action}`,
      { schema: { summary, params: MachineParams, querystring: WaitQuery, body: NoBody, response } },
      async ({ params, query }, reply) => perform(reply, query, () => ask(supervisor.actor(params.machine))),
    );
  }

  app.post(
    '/machines/:machine/stop',
    {
      schema: {
        summary: 'Press its power button; end its VMM if the guest does not power off in time',
        params: MachineParams,
        querystring: WaitQuery,
        body: StopBody,
        response,
      },
    },
    async ({ params, query, body }, reply) => {
      const { powerdownMs = DEFAULT_POWERDOWN_MS } = body;
      return perform(reply, query, () => supervisor.actor(params.machine).stop(powerdownMs));
    },
  );

  app.post(
    '/machines/:machine/restore',
    {
      schema: {
        summary: 'Let a suspended machine go on where it was, on its build or on another one',
        params: MachineParams,
        querystring: WaitQuery,
        body: RestoreBody,
        response,
      },
    },
    async ({ params, query, body: { build = null } }, reply) =>
      perform(reply, query, () => supervisor.actor(params.machine).restore(build)),
  );

  app.post(
    '/machines/:machine/upgrade',
    {
      schema: {
        summary: 'Move the machine, running, to a new VMM process; follow it at /v1/upgrades/{id} too',
        description: 'With dryRun: 200 with what preflight says, a rehearsal included; see /preflight.',
        params: MachineParams,
        querystring: UpgradeQuery,
        body: UpgradeBody,
        response: { ...response, 200: Type.Union([OperationView, PreflightView]) },
      },
    },
    async ({ params, query, body }, reply) => {
      const machine = supervisor.machine(params.machine);
      if (query.dryRun) return preflight(reply, machine, { ...upgradeRequest(body), rehearse: true });
      return perform(reply, query, async () => {
        const asked = upgradeRequest(body);
        if (asked.build === null) await services.builds.refreshDefault(machine);
        return supervisor.actor(machine.id).upgrade(asked);
      });
    },
  );

  app.post(
    '/machines/:machine/preflight',
    {
      schema: {
        summary: 'Look whether an upgrade would go well, and if not, why; changes nothing',
        params: MachineParams,
        body: PreflightBody,
        response: { 200: PreflightView, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ params, body: { rehearse = true, ...body } }, reply) =>
      preflight(reply, supervisor.machine(params.machine), { ...upgradeRequest(body), rehearse }),
  );
};
