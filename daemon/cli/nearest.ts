/** What somebody may have meant who named something that is not there. */
import { type BatonClient, collect } from '../client/index.js';
import type { Asked } from './report.js';

/** Names that differ in more of their letters are others. */
const MOST_DIFFERENT = 0.4;

/** The likeliest, if one is likely. */
export async function nearestOf(text: string, names: readonly string[]): Promise<string | null> {
  if (names.length === 0) return null;
  const { closest, distance } = await import('fastest-levenshtein');
  const likeliest = closest(text, names);
  return distance(text, likeliest) <= Math.ceil(text.length * MOST_DIFFERENT) ? likeliest : null;
}

/** For what was named and is not there. */
export async function nearest(code: string, asked: Asked, client: BatonClient): Promise<string | null> {
  if (code === 'machine_not_found') {
    const machines = await collect(client.machines.list());
    const known = machines.flatMap(({ id, name }) => [id, name]);
    const unknown = asked.machines.find((name) => !known.includes(name));
    return unknown === undefined
      ? null
      : nearestOf(
          unknown,
          machines.map(({ name }) => name),
        );
  }
  if (code === 'build_not_found') {
    const known = (await collect(client.builds.list())).map(({ id }) => id);
    const unknown = asked.builds.find((id) => !known.includes(id));
    return unknown === undefined ? null : nearestOf(unknown, known);
  }
  return null;
}
