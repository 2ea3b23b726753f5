/** The names of machines, for documents that hold their ids. */
import { type BatonClient, collect } from '../client/index.js';

/** Those that are deleted keep the beginning of their ids. */
export async function machineNames(client: BatonClient, documents: readonly { readonly machine: string }[]) {
  const machines = documents.length === 0 ? [] : await collect(client.machines.list());
  const names = new Map(machines.map(({ id, name }) => [id, name]));
  return (id: string) => names.get(id) ?? id.slice(0, 8);
}
