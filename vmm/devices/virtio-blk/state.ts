/** What travels of a virtio-blk device: its write cache setting, and the requests that are to be tried again. */
import type { Field, StateRecord, Subsection } from '../../state/description.js';

/** Descriptor indices, two bytes each; no more than the largest queue has. */
const MAX_RETRY_BYTES = 2 * 1024;

export const BLK_FIELDS: readonly Field[] = [{ name: 'writeback', type: 'bool' }];

export const BLK_SUBSECTIONS: readonly Subsection<StateRecord>[] = [
  {
    name: 'virtio-blk/retry',
    version: 1,
    fields: [{ name: 'retry', type: 'vbuffer', count: MAX_RETRY_BYTES }],
    needed: ({ retry }) => (retry as Uint8Array).length > 0,
  },
];

export function retryState(heads: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(heads.length * 2);
  const view = new DataView(bytes.buffer);
  for (const [index, head] of heads.entries()) view.setUint16(index * 2, head);
  return bytes;
}

export function headsOf({ retry }: StateRecord): number[] {
  const { buffer, byteOffset, length } = retry as Uint8Array;
  const view = new DataView(buffer, byteOffset, length);
  return Array.from({ length: length >> 1 }, (_, index) => view.getUint16(index * 2));
}

export function validateBlk(state: StateRecord, queueSize: number): string | null {
  if ((state.retry as Uint8Array).length % 2 !== 0) return 'retry has a half of a number in it';
  const heads = headsOf(state);
  if (heads.some((head) => head >= queueSize)) return `retry has numbers up to ${queueSize - 1} only`;
  return heads.length > queueSize ? `retry has at most ${queueSize} numbers, got ${heads.length}` : null;
}
