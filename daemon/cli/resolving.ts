/** Builds and upgrades by less than their whole ids. */
import { type BatonClient, type Build, collect, ProblemError, type Upgrade } from '../client/index.js';
import { CommandError, usageError } from './exit-codes.js';
import { nearestOf } from './nearest.js';

const SHORTEST_ID = 4;

/** By id, or by what only one of them is or begins with: id, path, version. */
export async function resolveBuild(client: BatonClient, text: string): Promise<Build> {
  const builds = await collect(client.builds.list());
  const exact = builds.find(({ id }) => id === text);
  if (exact !== undefined) return exact;
  const byWhole = builds.filter(({ path, version }) => path === text || version === text);
  const found = byWhole.length > 0 ? byWhole : builds.filter(({ id }) => id.startsWith(text));
  if (found.length === 1) return found[0] as Build;
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw usageError(`${text} may be any of ${found.length} builds: ${ids}`, 'baton build list');
  }
  const likely = await nearestOf(
    text,
    builds.map(({ id }) => id),
  );
  const hints = text.startsWith('/') ? [`baton build add ${text}`] : ['baton build list'];
  const guess = likely === null ? [] : [`did you mean ${likely}?`];
  throw new CommandError('notFound', `there is no build ${text}`, [...guess, ...hints]);
}

/** By its id or the beginning of it; or the newest upgrade of the machine of that name or id. */
export async function resolveUpgrade(client: BatonClient, text: string): Promise<Upgrade> {
  try {
    return await client.upgrades.get(text);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 404) throw error;
  }
  const machine = await orNull(client.machines.get(text));
  if (machine !== null) {
    for await (const upgrade of client.upgrades.list({ machine: machine.id, limit: 1 })) return upgrade;
    throw new CommandError('notFound', `${text} was never upgraded`, [`baton upgrade start ${text}`]);
  }
  const found: Upgrade[] = [];
  if (text.length >= SHORTEST_ID) {
    for await (const upgrade of client.upgrades.list()) if (upgrade.id.startsWith(text)) found.push(upgrade);
  }
  if (found.length === 1) return found[0] as Upgrade;
  throw new CommandError('notFound', `there is neither an upgrade nor a machine ${text}`, [
    'baton upgrade list',
    'baton machine list',
  ]);
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return null;
    throw error;
  }
}
