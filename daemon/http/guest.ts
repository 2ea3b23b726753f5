/** The guest of a machine, by its agent. What is asked is answered at once, in seconds. */
import { MachineParams, NoBody, Problem } from './common-schemas.js';
import {
  DEFAULT_FREEZE_MS,
  FreezeBody,
  FrozenGuestView,
  GuestView,
  ThawedGuestView,
} from './guest-schemas.js';
import type { Routes } from './server.js';
import { guestFrozenView, guestView } from './views.js';

const problems = { '4xx': Problem, '5xx': Problem };

export const guestRoutes: Routes = async (app, { supervisor }) => {
  /* A body that may be left out: nothing is the same as {}. */
  app.addHook('preValidation', async (request) => {
    if (request.method === 'POST') request.body ??= {};
  });

  app.get(
    '/machines/:machine/guest',
    {
      schema: {
        summary: 'What the guest says of itself, if its agent answers',
        params: MachineParams,
        response: { 200: GuestView, ...problems },
      },
    },
    async (request) => guestView(await supervisor.actor(request.params.machine).inspectGuest()),
  );

  app.post(
    '/machines/:machine/guest/freeze',
    {
      schema: {
        summary:
          'Freeze the filesystems of the guest, as for a copy of its disks; thawed by the daemon in time',
        params: MachineParams,
        body: FreezeBody,
        response: { 200: FrozenGuestView, ...problems },
      },
    },
    async (request) => {
      const { maxMs = DEFAULT_FREEZE_MS } = request.body;
      return guestFrozenView(await supervisor.actor(request.params.machine).freezeGuest(maxMs));
    },
  );

  app.post(
    '/machines/:machine/guest/thaw',
    {
      schema: {
        summary: 'Thaw the filesystems of the guest, whoever froze them',
        params: MachineParams,
        body: NoBody,
        response: { 200: ThawedGuestView, ...problems },
      },
    },
    async (request) => ({ filesystems: await supervisor.actor(request.params.machine).thawGuest() }),
  );
};
