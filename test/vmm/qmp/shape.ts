/** Shapes of JSON values: which members there are, of what type, always or sometimes; and whether one fits another. */

export type Shape =
  | { readonly kind: 'scalar'; readonly type: string }
  /** `null`: of an empty list. */
  | { readonly kind: 'list'; readonly of: Shape | null }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, { shape: Shape; always: boolean }> };

export function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) {
    return { kind: 'list', of: value.map(shapeOf).reduce<Shape | null>((all, one) => merge(all, one), null) };
  }
  if (typeof value !== 'object' || value === null)
    return { kind: 'scalar', type: value === null ? 'null' : typeof value };
  const members = Object.entries(value).map(
    ([name, member]) => [name, { shape: shapeOf(member), always: true }] as const,
  );
  return { kind: 'object', members: new Map(members) };
}

function merge(one: Shape | null, other: Shape): Shape {
  if (one === null) return other;
  if (one.kind === 'object' && other.kind === 'object') {
    const names = new Set([...one.members.keys(), ...other.members.keys()]);
    const members = [...names].map((name) => {
      const [first, second] = [one.members.get(name), other.members.get(name)];
      if (first === undefined || second === undefined) {
        return [name, { shape: (first ?? second)?.shape as Shape, always: false }] as const;
      }
      return [
        name,
        { shape: merge(first.shape, second.shape), always: first.always && second.always },
      ] as const;
    });
    return { kind: 'object', members: new Map(members) };
  }
  if (one.kind === 'list' && other.kind === 'list') {
    return { kind: 'list', of: other.of === null ? one.of : merge(one.of, other.of) };
  }
  if (one.kind === 'scalar' && other.kind === 'scalar' && one.type !== other.type)
    return { kind: 'scalar', type: 'any' };
  return one;
}

/** Members that QEMU's schema has and that a program without a default machine does not show. */
const KNOWN = new Set(['is-default']);

/**
 * Empty when `ours` has nothing that `theirs` has not, and all that `theirs` always has (if `complete`); else the first
 * difference.
 */
export function fits(ours: Shape, theirs: Shape, complete: boolean, path = ''): string {
  if (ours.kind !== theirs.kind) return `${path}: ${ours.kind} instead of ${theirs.kind}`;
  if (ours.kind === 'scalar' && theirs.kind === 'scalar') {
    const isSame = ours.type === theirs.type || theirs.type === 'any';
    return isSame ? '' : `${path}: ${ours.type} instead of ${theirs.type}`;
  }
  if (ours.kind === 'list' && theirs.kind === 'list') {
    if (ours.of === null || theirs.of === null) return '';
    return fits(ours.of, theirs.of, complete, `${path}[]`);
  }
  if (ours.kind !== 'object' || theirs.kind !== 'object') return '';
  for (const [name, { shape }] of ours.members) {
    if (KNOWN.has(name)) continue;
    const its = theirs.members.get(name);
    const difference =
      its === undefined ? `${path}.${name}: not there` : fits(shape, its.shape, complete, `${path}.${name}`);
    if (difference !== '') return difference;
  }
  const missing = [...theirs.members].find(
    ([name, { always }]) => always && ours.members.get(name)?.always !== true,
  );
  return complete && missing !== undefined ? `${path}.${missing[0]}: missing` : '';
}
