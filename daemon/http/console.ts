/** The console of a machine: a session over WebSocket, and the end of one generation's log as text. */
import { Type } from 'typebox';
import { GenerationLog } from '../console/generation-log.js';
import { parsePosition } from '../console/position.js';
import { BatonError } from '../errors.js';
import { instancePaths } from '../instance.js';
import { requireRole } from './access.js';
import { InstanceParams, MachineParams, Problem } from './common-schemas.js';
import { ConsoleQuery } from './console-schemas.js';
import { ConsoleStream } from './console-stream.js';
import type { Routes } from './server.js';

const DEFAULT_TAIL_BYTES = 64 * 1024;
/** As much of a console log as is sent as text: its end. */
const TEXT_BYTES = 1024 * 1024;

export const consoleRoutes: Routes = async (app, { services, supervisor }) => {
  const { store, consoles } = services;

  app.route({
    method: 'GET',
    url: '/machines/:machine/console',
    config: { audited: true },
    schema: {
      summary: 'The serial console, over WebSocket: binary frames are bytes, text frames are JSON',
      description:
        'First {"position":"GENERATION:OFFSET"}, and again whenever another generation goes on: the place of the next byte. Count bytes, and come back with after=. {"inputDropped":BYTES}: nothing ran the machine. {"error":PROBLEM} comes before the daemon closes the connection. Several sessions may write; their messages are taken in turn.',
      params: MachineParams,
      querystring: ConsoleQuery,
      response: { '4xx': Problem, '5xx': Problem },
    },
    preHandler: async (request) => {
      const { params, query } = request;
      /* Who types into a guest does more than to look at it. */
      if (query.readonly === undefined) requireRole(request, 'operator');
      supervisor.machine(params.machine);
      if (query.after !== undefined && query.tail !== undefined) {
        throw new BatonError(
          'invalid_request',
          'expected after or tail, got both: after says where to begin',
        );
      }
    },
    handler: async () => {
      throw new BatonError('upgrade_required', 'expected a WebSocket: this console is a session');
    },
    wsHandler: (socket, request) => {
      const { machine } = request.params as { machine: string };
      const { after, tail, readonly } = request.query as Record<
        'after' | 'tail' | 'readonly',
        string | undefined
      >;
      new ConsoleStream(socket, consoles, {
        machineId: supervisor.machine(machine).id,
        start:
          after === undefined
            ? { tailBytes: Number(tail ?? DEFAULT_TAIL_BYTES) }
            : { after: parsePosition(after) },
        readOnly: readonly !== undefined,
      });
    },
  });

  app.get(
    '/machines/:machine/instances/:generation/console',
    {
      schema: {
        summary: 'What the guest wrote to its serial console while this instance ran it (the last MiB)',
        params: InstanceParams,
        response: {
          200: Type.String({ description: 'As the guest wrote it' }),
          '4xx': Problem,
          '5xx': Problem,
        },
        produces: ['text/plain'],
      },
    },
    async (request, reply) => {
      const { id, name } = supervisor.machine(request.params.machine);
      const generation = Number(request.params.generation);
      const instance = store.instances.byGeneration(id, generation);
      if (instance === null) {
        throw new BatonError('instance_not_found', `machine ${name} has no instance ${generation}`);
      }
      const log = await GenerationLog.open(instancePaths(instance).consoleLog);
      if (log === null) {
        throw new BatonError(
          'console_not_found',
          `instance ${generation} of ${name} has written nothing yet`,
        );
      }
      try {
        return reply.type('text/plain; charset=utf-8').send((await log.tail(TEXT_BYTES)) as never);
      } finally {
        await log.close();
      }
    },
  );
};
