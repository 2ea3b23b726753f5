/** Lays two lists of fields side by side: what is in both, in order, and the runs in between that differ. */
import type { VmStateField } from './vmstate.js';

export type AlignedFields =
  | { readonly kind: 'pair'; readonly source: VmStateField; readonly target: VmStateField }
  | {
      readonly kind: 'gap';
      readonly source: readonly VmStateField[];
      readonly target: readonly VmStateField[];
    };

/** By the longest sequence of names that both have in the same order. */
export function alignFields(
  source: readonly VmStateField[],
  target: readonly VmStateField[],
): AlignedFields[] {
  const lengths = commonLengths(source, target);
  const lengthAt = (s: number, t: number) => lengths[s * (target.length + 1) + t] as number;
  const aligned: AlignedFields[] = [];
  let gap: { source: VmStateField[]; target: VmStateField[] } = { source: [], target: [] };
  const closeGap = () => {
    if (gap.source.length > 0 || gap.target.length > 0) aligned.push({ kind: 'gap', ...gap });
    gap = { source: [], target: [] };
  };
  let s = 0;
  let t = 0;
  while (s < source.length || t < target.length) {
    const left = source[s];
    const right = target[t];
    if (left !== undefined && right !== undefined && left.name === right.name) {
      closeGap();
      aligned.push({ kind: 'pair', source: left, target: right });
      s += 1;
      t += 1;
    } else if (right === undefined || (left !== undefined && lengthAt(s + 1, t) >= lengthAt(s, t + 1))) {
      gap.source.push(left as VmStateField);
      s += 1;
    } else {
      gap.target.push(right);
      t += 1;
    }
  }
  closeGap();
  return aligned;
}

/** Row by row from the end: how many names the rests of both lists have in common. */
function commonLengths(source: readonly VmStateField[], target: readonly VmStateField[]): Uint16Array {
  const width = target.length + 1;
  const lengths = new Uint16Array((source.length + 1) * width);
  for (let s = source.length - 1; s >= 0; s -= 1) {
    for (let t = target.length - 1; t >= 0; t -= 1) {
      const isSame = source[s]?.name === target[t]?.name;
      const below = (s + 1) * width + t;
      const right = s * width + t + 1;
      lengths[s * width + t] = isSame
        ? (lengths[below + 1] as number) + 1
        : Math.max(lengths[below] as number, lengths[right] as number);
    }
  }
  return lengths;
}
