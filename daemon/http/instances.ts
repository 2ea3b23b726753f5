/** The VMM processes that run or ran a machine, and what they said. */
import { Type } from 'typebox';
import { BatonError } from '../errors.js';
import { openVmmFile } from '../instance/vmm-file.js';
import { instancePaths } from '../instance.js';
import { InstanceParams, MachineParams, Problem } from './common-schemas.js';
import { InstancesQuery, InstanceView } from './machine-schemas.js';
import { listed, pageAnswer, pageAsked, pageOf } from './paging.js';
import type { Routes } from './server.js';
import { instanceView } from './views.js';

const LOG_BYTES = 1024 * 1024;

export const instanceRoutes: Routes = async (app, { services, supervisor }) => {
  const { store } = services;

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

  app.get(
    '/machines/:machine/instances/:generation/log',
    {
      schema: {
        summary: 'What the VMM of this instance wrote to its stdout and stderr (the last MiB)',
        params: InstanceParams,
        response: { 200: Type.String({ description: 'As it wrote it' }), '4xx': Problem, '5xx': Problem },
        produces: ['text/plain'],
      },
    },
    async ({ params }, reply) => {
      const { id, name } = supervisor.machine(params.machine);
      const instance = store.instances.byGeneration(id, Number(params.generation));
      if (instance === null) {
        const message = `machine ${name} has no instance ${params.generation}`;
        throw new BatonError('instance_not_found', message);
      }
      const text = await endOf(instancePaths(instance).vmmLog);
      if (text !== null) return reply.type('text/plain; charset=utf-8').send(text as never);
      const message = `instance ${params.generation} of ${name} has no log (any more)`;
      throw new BatonError('log_not_found', message);
    },
  );
};

/** Null: there is no such file. */
async function endOf(path: string): Promise<Buffer | null> {
  try {
    const file = await openVmmFile(path);
    try {
      const { size } = await file.stat();
      const length = Math.min(LOG_BYTES, size);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
