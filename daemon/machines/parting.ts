/** How a machine leaves this daemon's inventory: deleted, or, if it was adopted, released and left to run. */
import { BatonError } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Store } from '../store/store.js';

export function recordParting(
  store: Store,
  { id, name }: Machine,
  type: 'baton.machine.deleted' | 'baton.machine.released',
): void {
  store.durably(() => {
    store.machines.delete(id);
    store.emit({ type, subject: `machines/${id}`, data: { name } });
  });
}

export function requireAdopted({ adopted, name }: Machine): void {
  if (adopted !== null) return;
  throw new BatonError('not_adopted', `machine ${name} was created here: stop it and delete it`);
}
