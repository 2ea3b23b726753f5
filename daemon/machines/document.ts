/**
 * A machine's document and what it may run on, as operators change them. The document is always one that the build
 * which a start takes can run, with every default resolved.
 */
import { BatonError } from '../errors.js';
import { refusalsOf } from '../instance/suitability.js';
import type { Labels, Machine, MachineBuilds, MachineSpec } from '../machine.js';
import type { Store } from '../store/store.js';
import type { Services } from './services.js';

type Needed = Pick<Services, 'store' | 'builds'>;

export interface DocumentChange {
  readonly name: string;
  readonly labels: Labels;
  readonly spec: MachineSpec;
}

/** Throws with the members that the build refuses. */
export function resolveDocument({ builds }: Needed, policy: MachineBuilds, spec: MachineSpec): MachineSpec {
  const build = builds.choose(policy, null);
  const resolution = builds.driver(build.kind).resolve(spec, build.abilities);
  if (resolution.spec === null) throw new BatonError('machine_not_valid', resolution.refusals.join('; '));
  return resolution.spec;
}

export function requireFreeName(store: Store, name: string, ownId: string | null): void {
  /* An id finds its machine first: a name like it would lead to that one. */
  const other = store.machines.byId(name) ?? store.machines.byName(name);
  if (other === null || other.id === ownId) return;
  throw new BatonError(
    'machine_name_taken',
    `there is a machine with the id or name ${name} already: choose another name`,
  );
}

/** Only of a machine without a process: its actor sees to that. */
export function changeDocument(
  services: Needed,
  machine: Machine,
  { name, labels, spec }: DocumentChange,
): Machine {
  const { store } = services;
  if (machine.adopted !== null) {
    throw new BatonError(
      'wrong_state',
      `machine ${machine.name} was adopted: it is what its command line says; create a machine of your own to change it`,
    );
  }
  const resolved = resolveDocument(services, machine.builds, spec);
  return store.durably(() => {
    requireFreeName(store, name, machine.id);
    const changed = store.machines.update(machine.id, { name, labels, spec: resolved });
    store.emit({ type: 'baton.machine.changed', subject: `machines/${machine.id}`, data: { name } });
    return changed;
  });
}

/** Nothing of the guest depends on them, so they change in every state. */
export function changeLabels({ store }: Needed, { id, name }: Machine, labels: Labels): Machine {
  return store.durably(() => {
    const changed = store.machines.update(id, { labels });
    store.emit({ type: 'baton.machine.changed', subject: `machines/${id}`, data: { name } });
    return changed;
  });
}

/** Builds that the machine could never run on are refused here, not at the next start. */
export function changeBuilds(services: Needed, machine: Machine, policy: MachineBuilds): Machine {
  const { builds } = services;
  for (const id of policy.deny) builds.byId(id);
  for (const id of [policy.default, policy.pin]) {
    if (id === null) continue;
    const build = builds.choose({ ...policy, default: id, pin: null }, null);
    const refusals = refusalsOf(builds.driver(build.kind), machine, build);
    if (refusals.length > 0) {
      throw new BatonError('build_not_suitable', `for build ${id}: ${refusals.join('; ')}`);
    }
  }
  return builds.setPolicy(machine, policy);
}
