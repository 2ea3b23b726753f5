/** What a request made, for a client that has not heard the answer: as the one that made it would have been shown. */
import { BatonError } from '../errors.js';
import type { Services } from '../machines/services.js';
import type { ShowMade } from './idempotency.js';
import { machineView, operationView } from './views.js';

export function showMade({ store, builds }: Services, path: string): ReturnType<ShowMade> {
  const [kind, id = ''] = path.split('/');
  if (kind === 'operations') {
    const operation = store.operations.byId(id);
    if (operation !== null) return { status: 202, body: operationView(operation) };
    throw new BatonError('operation_not_found', `operation ${id}, which was begun, is not kept any more`);
  }
  const overview = store.machines.overview(id, builds.ownId);
  if (overview !== null) {
    return { status: 201, body: machineView(overview, builds.startsOn(overview.machine.builds)) };
  }
  throw new BatonError('machine_not_found', `machine ${id}, which was made, is not there any more`);
}
