/** Finds the balloon, of which a machine has one at most. */
import type { VmmOptions } from '../options/options.js';
import { QmpError } from './error.js';

/** Its virtio-mmio slot. Throws `QmpError`. */
export function balloonSlot({ devices }: Pick<VmmOptions, 'devices'>): number {
  const slot = devices.find(({ driver }) => driver === 'virtio-balloon-device')?.slot ?? null;
  if (slot === null) throw new QmpError('No balloon device has been activated', 'DeviceNotActive');
  return slot;
}
