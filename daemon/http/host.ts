/** What can be asked of all machines of this host at once: answers 202 with the operations to follow. */
import type { HostAnswer as Answer } from '../machines/supervisor.js';
import { HostAnswer } from './operation-schemas.js';
import type { Routes } from './server.js';
import { operationView } from './views.js';

function view({ operations, refused }: Answer) {
  return { operations: operations.map(operationView), refused: [...refused] };
}

export const hostRoutes: Routes = async (app, { supervisor }) => {
  app.post(
    '/host/suspend',
    {
      schema: {
        summary: 'Suspend all machines that have a guest, as before a reboot of the host; a few at a time',
        response: { 202: HostAnswer },
      },
    },
    async (_request, reply) => reply.code(202).send(view(supervisor.suspendAll())),
  );

  app.post(
    '/host/restore',
    {
      schema: {
        summary: 'Restore all suspended machines, each on its build; a few at a time',
        response: { 202: HostAnswer },
      },
    },
    async (_request, reply) => reply.code(202).send(view(supervisor.restoreAll())),
  );
};
