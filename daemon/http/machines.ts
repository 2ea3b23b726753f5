/** Machines and their instances. */
import { Type } from 'typebox';
import type { Machine } from '../machine.js';
import { changeBuilds } from '../machines/document.js';
import { MachineParams, Problem } from './common-schemas.js';
import { changedDocument, specOf } from './machine-document.js';
import {
  AdoptBody,
  InstanceView,
  MachineBuildsBody,
  MachineChange,
  MachineView,
  NewMachine,
} from './machine-schemas.js';
import type { Routes } from './server.js';
import { instanceView, machineView } from './views.js';

export const machineRoutes: Routes = async (app, { services, supervisor }) => {
  const { store } = services;

  const view = (machine: Machine) => {
    const { currentGeneration } = machine;
    const instance =
      currentGeneration === null ? null : store.instances.byGeneration(machine.id, currentGeneration);
    const operation = store.operations.runningOf(machine.id);
    return machineView(machine, {
      build: instance?.buildId ?? null,
      startsOn: services.builds.startsOn(machine.builds),
      operationId: operation?.id ?? null,
    });
  };

  app.get(
    '/machines',
    {
      schema: {
        summary: 'All machines',
        response: { 200: Type.Object({ machines: Type.Array(MachineView) }) },
      },
    },
    async () => {
      const builds = store.instances.currentBuilds();
      const operations = new Map(store.operations.running().map(({ machineId, id }) => [machineId, id]));
      const machines = store.machines.all();
      return {
        machines: machines.map((machine) =>
          machineView(machine, {
            build: builds.get(machine.id) ?? null,
            startsOn: services.builds.startsOn(machine.builds),
            operationId: operations.get(machine.id) ?? null,
          }),
        ),
      };
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
      return reply.code(201).header('location', `/v1/machines/${machine.id}`).send(view(machine));
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
      return reply.code(201).header('location', `/v1/machines/${machine.id}`).send(view(machine));
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
    async (request) => view(supervisor.machine(request.params.machine)),
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
      return view(actor.change({ name: document.name, spec: specOf(document) }));
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
      return view(changeBuilds(services, machine, { default: preferred, pin, deny }));
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
        summary: 'The VMM processes that run or ran a machine',
        params: MachineParams,
        response: {
          200: Type.Object({ instances: Type.Array(InstanceView) }),
          '4xx': Problem,
          '5xx': Problem,
        },
      },
    },
    async (request) => {
      const { id, spec } = supervisor.machine(request.params.machine);
      return { instances: store.instances.ofMachine(id).map((instance) => instanceView(instance, spec)) };
    },
  );
};
