/**
 * Makes the code of a hand-over warm while the guest still runs on the source: everything between STOP and
 * RESUME is done some times with samples. Cold, the same steps take the guest several times as long.
 */
import type { VmControl } from '../vm-control.js';
import { decodeStream } from './decode-stream.js';
import { encodeHead, encodeTail } from './encode-stream.js';
import type { StreamSubject } from './stream-format.js';

/** More makes no difference that can be measured. */
const REHEARSALS = 12;

/** Ends early when `isEnough` says so. Never rejects: a machine that failed reports that itself. */
export async function rehearse(
  vm: Pick<VmControl, 'rehearse'>,
  subject: StreamSubject,
  isEnough: () => boolean,
): Promise<void> {
  try {
    for (let count = 0; count < REHEARSALS && !isEnough(); count++) {
      const sample = await vm.rehearse();
      const stream = Buffer.concat([encodeHead(subject, true), encodeTail(subject, 'running', sample)]);
      decodeStream(stream, subject, () => {});
    }
  } catch {
    // The hand-over itself will meet what is wrong, and say it.
  }
}
