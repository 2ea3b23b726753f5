/** The document of a machine as people write it: in files, in an editor, from options. Pure. */
import type { Machine, MachineChange } from '../client/index.js';

export type Document = Readonly<Record<string, unknown>>;

/** What is nothing, or the default of everybody, is left out. */
export function documentOf({ name, labels, spec }: Pick<Machine, 'name' | 'labels' | 'spec'>): Document {
  const labelled = Object.keys(labels).length === 0 ? {} : { labels };
  return { name, ...labelled, ...(withoutNothing(spec) as Document) };
}

function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(
    ([, member]) => member !== null && member !== false && !(Array.isArray(member) && member.length === 0),
  );
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNothing(member)]));
}

/** What has to be changed to come from one document to the other; null: that member goes back to its default. */
export function changeBetween(before: Document, after: Document): MachineChange {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return Object.fromEntries(changed.map((name) => [name, after[name] ?? null]));
}
