/** RAM that stays in place in the CPR modes: what stands in its way, and its descriptor. */

import type { CarriedDescriptor } from '../carried.js';
import { QmpError } from '../qmp/error.js';
import type { OutgoingContext } from './outgoing.js';

/** QEMU's name of the region with the reset vector, which no memory backend stands behind. */
const AUXILIARY_REGION = 'riscv_virt_board.mrom';

export function memoryBlockers({ memory, auxRamShare }: OutgoingContext): string[] {
  const reasons: string[] = [];
  if (!memory.share) reasons.push(blocker(memory.backendId));
  if (!auxRamShare) reasons.push(blocker(AUXILIARY_REGION));
  return reasons;
}

function blocker(region: string): string {
  return (
    `Memory region ${region} is not compatible with CPR. share=on is required for ` +
    'memory-backend objects, and aux-ram-share=on is required.'
  );
}

export function memoryDescriptor({ memory }: OutgoingContext): CarriedDescriptor {
  const { fd, backendId } = memory;
  if (fd === null) throw new QmpError(blocker(backendId));
  return { name: backendId, id: 0, fd };
}
