/** Machines and their instances. */
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import type { Machine, MachineOverview } from '../machine.js';
import { changeBuilds } from '../machines/document.js';
import { MachineParams, Problem } from './common-schemas.js';
import { changedDocument, specOf } from './machine-document.js';
import {
  AdoptBody,
  InstancesQuery,
  InstanceView,
  MachineBuildsBody,
  MachineChange,
  MachinesQuery,
  MachineView,
  NewMachine,
} from './machine-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import { machinePath } from './paths.js';
import type { Routes } from './server.js';
import { instanceView, machineView } from './views.js';

export const machineRoutes: Routes = async (app, { services, supervisor }) => {
  const { store } = services;

  const view = (overview: MachineOverview) =>
    machineView(overview, services.builds.startsOn(overview.machine.builds));
  const viewOf = ({ id, name }: Pick<Machine, 'id' | 'name'>) => {
    const overview = store.machines.overview(id, services.builds.ownId);
    if (overview !== null) return view(overview);
    throw new BatonError('machine_not_found', `machine ${name} was deleted meanwhile`);
  };

  app.get(
    '/machines',
    {
      schema: {
        summary: 'Machines, oldest first',
        querystring: MachinesQuery,
        response: { 200: pageOf('machines', MachineView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query }, reply) => {
      const { name = null, state, build = null, outdated = null } = query;
      if (outdated !== null) await services.builds.lookAtAll();
      const filter = { name, state: listed(state), build, outdated };
      const page = store.machines.page(pageAsked('machines', query), filter, services.builds.ownId);
      return pageAnswer('machines', reply, page, view);
    },
  );

  app.post(
    '/machines',
    {
      schema: {
        summary: 'Create a machine; it is not started',
        body: NewMachine,
        response: { 201: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      const { name, build = null } = request.body;
      const machine = supervisor.create({ name, build, spec: specOf(request.body) });
      return reply.code(201).header('location', machinePath(machine.id)).send(viewOf(machine));
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
      return reply.code(201).header('location', machinePath(machine.id)).send(viewOf(machine));
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
        response: { 200: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => viewOf(supervisor.machine(request.params.machine)),
  );

  app.patch(
    '/machines/:machine',
    {
      schema: {
        summary: 'Change the document of a stopped machine',
        params: MachineParams,
        body: MachineChange,
        response: { 200: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      const actor = supervisor.actor(request.params.machine);
      const document = changedDocument(actor.machine, request.body);
      return viewOf(actor.change({ name: document.name, spec: specOf(document) }));
    },
  );

  app.put(
    '/machines/:machine/builds',
    {
      schema: {
        summary: 'Say what the machine may run on; for its next start, upgrade or restore',
        params: MachineParams,
        body: MachineBuildsBody,
        response: { 200: MachineView, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      const { default: preferred = null, pin = null, deny = [] } = request.body;
      const { machine } = supervisor.actor(request.params.machine);
      return viewOf(changeBuilds(services, machine, { default: preferred, pin, deny }));
    },
  );

  app.delete(
    '/machines/:machine',
    {
      schema: {
        summary: 'Delete a stopped machine, its logs included',
        params: MachineParams,
        response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
      },
    },
    async (request, reply) => {
      supervisor.delete(request.params.machine);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/machines/:machine/instances',
    {
      schema: {
        summary: 'The VMM processes that run or ran a machine, oldest first',
        params: MachineParams,
        querystring: InstancesQuery,
        response: { 200: pageOf('instances', InstanceView), '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ params, query }, reply) => {
      const { id, spec } = supervisor.machine(params.machine);
      const filter = { machine: id, state: listed(query.state) };
      const page = store.instances.page(pageAsked('instances', query), filter);
      return pageAnswer('instances', reply, page, (instance) => instanceView(instance, spec));
    },
  );
};
