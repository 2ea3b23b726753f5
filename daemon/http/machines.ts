/** Machines and their instances. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import type { Machine, MachineOverview } from '../machine.js';
import { changeBuilds, changeLabels } from '../machines/document.js';
import { requireRole, requireUnscoped } from './access.js';
import { MachineParams, Problem, Unchanged } from './common-schemas.js';
import { DryRunQuery } from './dry-run.js';
import { changedDocument, isOfLabelsOnly, specOf } from './machine-document.js';
import {
  AdoptBody,
  labelsAsked,
  MachineBuildsBody,
  MachineChange,
  MachinesQuery,
  MachineView,
  NewMachine,
} from './machine-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import { machinePath } from './paths.js';
import { IfMatch, IfNoneMatch, isKnown, requireMatch, sendTag } from './preconditions.js';
import type { Routes } from './server.js';
import { machineView } from './views.js';

/** A document names files of the host, and with extra arguments whatever QEMU can do: not for everybody. */
function requireOwner(
  request: FastifyRequest,
  { spec }: Machine,
  extraArguments: readonly string[] | null = [],
): void {
  requireUnscoped(request);
  const hasExtra = spec.extraArguments.length > 0 || (extraArguments?.length ?? 0) > 0;
  if (hasExtra) requireRole(request, 'admin');
}

export const machineRoutes: Routes = async (app, { services, supervisor }) => {
  const { store } = services;

  const view = (overview: MachineOverview) =>
    machineView(overview, services.builds.startsOn(overview.machine.builds));
  const viewOf = ({ id, name }: Machine) => {
    const overview = store.machines.overview(id, services.builds.ownId);
    if (overview !== null) return view(overview);
    throw new BatonError('machine_not_found', `machine ${name} was deleted meanwhile`);
  };
  /** Its document, and the tag of it. */
  const show = (reply: FastifyReply, machine: Machine) => {
    const shown = viewOf(machine);
    sendTag(reply, shown);
    return shown;
  };
  /** Changes the machine, or says what a change would make of it. */
  const change = (reply: FastifyReply, { dryRun }: { dryRun?: boolean }, work: () => Machine) =>
    dryRun ? store.tryOut(() => viewOf(work())) : show(reply, work());

  app.get(
    '/machines',
    {
      config: { scoped: true },
      schema: {
        summary: 'Machines, oldest first',
        querystring: MachinesQuery,
        response: { 200: pageOf('machines', MachineView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query, principal }, reply) => {
      const { name = null, state, build = null, outdated = null, label } = query;
      if (outdated !== null) await services.builds.lookAtAll();
      const labels = label === undefined ? null : labelsAsked(label);
      const filter = { name, state: listed(state), build, outdated, labels, visible: principal.machines };
      const page = store.machines.page(pageAsked('machines', query), filter, services.builds.ownId);
      return pageAnswer('machines', reply, page, view);
    },
  );

  app.post(
    '/machines',
    {
      schema: {
        summary: 'Create a machine; it is not started',
        description: 'With dryRun: 200 with the machine that it would be, whose id is not kept.',
        querystring: DryRunQuery,
        body: NewMachine,
        response: { 200: MachineView, 201: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const { query, body } = request;
      const { name, labels = {}, build = null, extraArguments = [] } = body;
      if (extraArguments.length > 0) requireRole(request, 'admin');
      const asked = { name, labels, build, spec: specOf(body) };
      if (query.dryRun) return supervisor.tryCreate(asked, viewOf);
      const machine = supervisor.create(asked);
      return reply.code(201).header('location', machinePath(machine.id)).send(show(reply, machine));
    },
  );

  app.post(
    '/machines/adopt',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Take over a QEMU that somebody else started; it is not touched',
        body: AdoptBody,
        response: { 201: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const machine = await supervisor.adopt(request.body);
      return reply.code(201).header('location', machinePath(machine.id)).send(show(reply, machine));
    },
  );

  app.post(
    '/machines/:machine/release',
    {
      schema: {
        summary: 'Forget an adopted machine and leave it running',
        params: MachineParams,
        response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      supervisor.release(request.params.machine);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/machines/:machine',
    {
      schema: {
        summary: 'One machine',
        params: MachineParams,
        headers: IfNoneMatch,
        response: { 200: MachineView, 304: Unchanged, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ params, headers }, reply) => {
      const machine = supervisor.machine(params.machine);
      if (!isKnown(headers, machine)) return show(reply, machine);
      sendTag(reply, machine);
      return reply.code(304).send(undefined as never);
    },
  );

  app.patch(
    '/machines/:machine',
    {
      schema: {
        summary: 'Change the document of a stopped machine; its labels in any state',
        params: MachineParams,
        querystring: DryRunQuery,
        headers: IfMatch,
        body: MachineChange,
        response: { 200: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const { params, query, headers, body } = request;
      const actor = supervisor.actor(params.machine);
      const { machine } = actor;
      const isHarmless = isOfLabelsOnly(body);
      if (!isHarmless)
        requireOwner(request, machine, body.extraArguments as readonly string[] | null | undefined);
      requireMatch(headers, machine);
      const document = changedDocument(machine, body);
      const { name, labels = {} } = document;
      return change(reply, query, () => {
        if (isHarmless) return changeLabels(services, machine, labels);
        return actor.change({ name, labels, spec: specOf(document) });
      });
    },
  );

  app.put(
    '/machines/:machine/builds',
    {
      schema: {
        summary: 'Say what the machine may run on; for its next start, upgrade or restore',
        params: MachineParams,
        querystring: DryRunQuery,
        headers: IfMatch,
        body: MachineBuildsBody,
        response: { 200: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ params, query, headers, body }, reply) => {
      const { default: preferred = null, pin = null, deny = [] } = body;
      const { machine } = supervisor.actor(params.machine);
      requireMatch(headers, machine);
      return change(reply, query, () => changeBuilds(services, machine, { default: preferred, pin, deny }));
    },
  );

  app.delete(
    '/machines/:machine',
    {
      schema: {
        summary: 'Delete a stopped machine, its logs included',
        params: MachineParams,
        headers: IfMatch,
        response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const { params, headers } = request;
      const machine = supervisor.machine(params.machine);
      requireOwner(request, machine);
      requireMatch(headers, machine);
      supervisor.delete(params.machine);
      return reply.code(204).send(null);
    },
  );
};
